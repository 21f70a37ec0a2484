"""A home folder: its location, its owner, its files."""
