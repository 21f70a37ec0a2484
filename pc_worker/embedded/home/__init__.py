"""A home folder: its place, its owner, what it keeps."""
