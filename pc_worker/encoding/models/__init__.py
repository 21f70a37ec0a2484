"""A model on disk: its files and its identity."""
