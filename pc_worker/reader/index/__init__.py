"""The index of a file: made once, kept in the spool, used by every worker."""
