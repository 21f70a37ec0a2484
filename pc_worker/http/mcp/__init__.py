"""The Model Context Protocol: our services as tools of assistants, read-only."""
