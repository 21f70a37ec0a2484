"""Keys of advisory locks, which are those of a database: an installation may be in each of its schemas."""

from __future__ import annotations

# Empty in `public`: the versions before and after this prefix exclude each other there during an upgrade.
SPACE = "coalesce(nullif(current_schema()::text, 'public') || ':', '')"


def lock_key(name: str) -> str:
    """Return the SQL expression of a lock's key; ``name`` is the SQL expression of its name in this installation."""
    return f"hashtextextended({SPACE} || {name}, 0)"


def is_key_of(key: str) -> str:
    """Return the SQL condition that a row ``l`` of pg_locks is this lock, in this database."""
    return f"""
    l.locktype = 'advisory' AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.classid::bigint << 32 | l.objid::bigint) = {key}
"""
