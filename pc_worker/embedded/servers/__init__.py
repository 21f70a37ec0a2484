"""PostgreSQL and Valkey as child processes."""
