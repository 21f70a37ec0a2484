"""SQL about tables that may be partitioned: the tables and indexes that hold the data."""

from __future__ import annotations

from pc_worker.model.joined import SUFFIX
from pc_worker.store.db.connection import Cursor

#: Oids of the tables that hold the rows of {table}: the table itself, or its leaves.
LEAVES = """
SELECT relid::oid FROM pg_partition_tree({table}) WHERE isleaf
UNION ALL SELECT oid FROM pg_class WHERE oid = {table}::regclass AND relkind = 'r'
"""
#: The number of tables that hold the rows of the domain {domain}.
PARTS = f"""
coalesce((SELECT p.parts FROM partitions p WHERE p.done_at IS NOT NULL
          AND {{domain}} IN (p.domain, p.domain || '{SUFFIX}')), 1)
"""
#: Whether an index named {relname} is the vector index {index} or a part of it, which has a number after the name.
OF_INDEX = "({relname} = {index} OR {relname} ~ ('^' || {index} || '_[0-9]+$'))"
# Where the rows of a domain are: in its partitions, or in the table that holds all domains without.
DOMAIN_LEAVES = """
SELECT t.relid::regclass::text FROM partitions p, pg_partition_tree(to_regclass(%(table)s || '_p' || p.number)) t
WHERE p.done_at IS NOT NULL AND t.isleaf AND %(domain)s IN (p.domain, p.domain || %(suffix)s) ORDER BY t.relid
"""
REST = """
SELECT coalesce((SELECT nullif(partdefid, 0) FROM pg_partitioned_table WHERE partrelid = %(table)s::regclass),
                %(table)s::regclass)::regclass::text
"""


def domain_leaves(cursor: Cursor, table: str, domain: str) -> list[str]:
    """Return the names of the tables that hold the domain's rows of ``table``."""
    cursor.execute(DOMAIN_LEAVES, {"table": table, "domain": domain, "suffix": SUFFIX})
    return [name for (name,) in cursor.fetchall()] or [rest_of(cursor, table)]


def rest_of(cursor: Cursor, table: str) -> str:
    """Return the name of the table that holds the rows of all domains without partitions."""
    cursor.execute(REST, {"table": table})
    (name,) = cursor.fetchone() or (table,)
    return str(name)
