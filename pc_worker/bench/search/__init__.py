"""Search against PostgreSQL without our indexes, and as rows grow."""
