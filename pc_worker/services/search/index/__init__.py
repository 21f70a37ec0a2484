"""The vector index of each domain, and new search terms for stored rows."""
