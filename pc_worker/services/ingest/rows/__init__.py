"""The rows of a chunk: cleaned, joined, embedded, and written in one transaction."""
