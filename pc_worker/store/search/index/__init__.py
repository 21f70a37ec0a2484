"""Vector indexes: catalog, build, recall."""
