"""The reader against pandas."""
