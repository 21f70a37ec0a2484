"""What runs on a schedule, and after a restore."""
