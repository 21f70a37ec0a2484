"""The change of a domain to another model, and the vectors that are missing under one."""
