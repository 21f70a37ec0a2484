"""From source rows to clean records."""
