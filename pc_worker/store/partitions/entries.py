"""The entries of partitioned domains: which, how many parts, and how far their tables are copied."""

from __future__ import annotations

from dataclasses import dataclass

from pc_worker.store.db.connection import Cursor
from pc_worker.store.db.leaves import rest_of
from pc_worker.store.partitions.tables import PART_TABLES, values_of

ENTRIES = """
SELECT domain, number, parts, log_span, copied, done_at IS NOT NULL FROM partitions ORDER BY number
"""
ADD = "INSERT INTO partitions (domain, parts, log_span) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
DONE = "UPDATE partitions SET done_at = now() WHERE domain = '{domain}'"
SIZES = """
SELECT t.name, (SELECT count(*) FROM {table} WHERE domain = ANY (%(values)s)),
       (SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class WHERE oid = %(rest)s::regclass),
       pg_total_relation_size(%(rest)s::regclass)
FROM (VALUES (%(name)s)) AS t (name)
"""


@dataclass(frozen=True, slots=True)
class PartitionEntry:
    """A domain that is partitioned, or is being so; ``copied`` = table → the last key that was copied."""

    domain: str
    number: int
    parts: int
    log_span: int
    copied: dict[str, list[str]]
    done: bool


@dataclass(frozen=True, slots=True)
class TableSize:
    """Rows of the domain in a table, and the estimated rows and the bytes of all domains without partitions."""

    table: str
    rows: int
    all_rows: int
    bytes: int


def read_entries(cursor: Cursor) -> list[PartitionEntry]:
    """Return all entries, the oldest first."""
    cursor.execute(ENTRIES)
    return [PartitionEntry(*row) for row in cursor.fetchall()]


def add_entry(cursor: Cursor, domain: str, *, parts: int, log_span: int) -> None:
    """Add an entry for a domain; an entry that exists stays as it is."""
    cursor.execute(ADD, (domain, parts, log_span))


def table_sizes_of(cursor: Cursor, domain: str) -> list[TableSize]:
    """Return what the tables hold that would be copied."""
    found = []
    for table in PART_TABLES:
        rest = rest_of(cursor, table.name)
        values = {"values": values_of(domain), "rest": rest, "name": table.name}
        cursor.execute(SIZES.format(table=table.name), values)
        found.append(TableSize(*(cursor.fetchone() or (table.name, 0, 0, 0))))
    return found
