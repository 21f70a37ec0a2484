"""Complete the copied tables with indexes and references, and let them take the place of the present ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pc_worker.store.db.connection import HELD_BACK, Cursor
from pc_worker.store.db.leaves import rest_of
from pc_worker.store.partitions.entries import DONE, PartitionEntry
from pc_worker.store.partitions.prepare import in_list
from pc_worker.store.partitions.statements import run_briefly
from pc_worker.store.partitions.tables import EMBEDDINGS, PART_TABLES, ROWS, PartTable, exists, values_of
from pc_worker.store.search.index.build import create_index
from pc_worker.store.search.index.catalog import PREFIX

INDEXES = """
SELECT c.relname, substring(pg_get_indexdef(c.oid) FROM ' USING .*$')
FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
WHERE x.indrelid = %s::regclass AND NOT x.indisprimary AND x.indisvalid ORDER BY c.relname
"""
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
REFERENCES = """
SELECT conname, pg_get_constraintdef(oid), confrelid::regclass::text FROM pg_constraint
WHERE conrelid = %s::regclass AND contype = 'f' AND conparentid = 0 ORDER BY conname
"""
#: Other tables that refer to rows.
REFERRING = """
SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
WHERE confrelid = 'rows'::regclass AND contype = 'f' AND conparentid = 0
  AND conrelid NOT IN ('embeddings'::regclass, 'row_terms'::regclass)
ORDER BY 1, 2
"""
NOT_VALID = """
SELECT conrelid::regclass::text, quote_ident(conname) FROM pg_constraint
WHERE confrelid = 'rows'::regclass AND contype = 'f' AND conparentid = 0 AND NOT convalidated
"""
#: The graph of an index is built in memory, so it gets as much as the present one is large, divided by the parts.
MEMORY = "SET maintenance_work_mem = '{mb}MB'"
SIZE = "SELECT pg_relation_size(%s::regclass) >> 20"
#: In an order in which they can be dropped.
REFERRING_FIRST = sorted(PART_TABLES, key=lambda table: table is ROWS)


class Leaf(NamedTuple):
    """A table that holds rows: its name, and the end of the names of its indexes."""

    name: str
    suffix: str


def leaves_of(table: PartTable, entry: PartitionEntry, cursor: Cursor) -> list[Leaf]:
    """Return the new tables that hold rows: the domain's parts and the rest, if that is new, too."""
    cursor.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = %s::regclass", (table.of_domain(entry.number),))
    (parts,) = cursor.fetchone() or (0,)
    own = [table.part(entry.number, part) for part in range(parts)]
    rest = [table.rest(entry.number)] if exists(cursor, table.rest(entry.number)) else []
    return [Leaf(name, name.removeprefix(table.name)) for name in (*own, *rest)]


def index_tables(cursor: Cursor, entry: PartitionEntry) -> Iterator[str]:
    """Build every index of the present tables on each new one, unless it exists; yield each name."""
    for table in PART_TABLES:
        cursor.execute(INDEXES, (rest_of(cursor, table.name),))
        for name, definition in [row for row in cursor.fetchall() if not row[0].startswith(PREFIX)]:
            canonical = canonical_name(name, rest_of(cursor, table.name), table)
            for leaf in leaves_of(table, entry, cursor):
                yield from build_index(cursor, f"{canonical}{leaf.suffix}", leaf.name, definition)
            # Finds the parts' indexes and takes them as its own parts.
            if not exists(cursor, f"next_{canonical}"):
                run_briefly(cursor, [f"CREATE INDEX next_{canonical} ON {table.next}{definition}"])


def canonical_name(name: str, source: str, table: PartTable) -> str:
    """Return the name that an index has on the whole table, from its name on one part of it."""
    return name.removesuffix(source.removeprefix(table.name))


def build_index(cursor: Cursor, name: str, table: str, definition: str) -> Iterator[str]:
    """Build an index while its table is written, unless it exists; yield its name once it is built."""
    cursor.execute(VALID, (name,))
    found = cursor.fetchone()
    if found == (True,):
        return
    drop = f"DROP INDEX CONCURRENTLY IF EXISTS {name}"
    if found is not None:  # of a build that was interrupted
        cursor.execute(drop)
    create_index(cursor, f"CREATE INDEX CONCURRENTLY {name} ON {table}{definition}", drop=lambda: cursor.execute(drop))
    yield name


def index_vectors(cursor: Cursor, entry: PartitionEntry) -> Iterator[str]:
    """Build the vector indexes of the present table on the new ones, with a number after their names; yield each."""
    *parts, rest = leaves_of(EMBEDDINGS, entry, cursor)
    cursor.execute(INDEXES, (rest_of(cursor, EMBEDDINGS.name),))
    found = {name: definition for name, definition in cursor.fetchall() if name.startswith(PREFIX)}
    cursor.execute("SELECT index_name, domain FROM vector_indexes")
    for base, domain in cursor.fetchall():
        name = next((name for name in found if re.fullmatch(rf"{base}(_\d+)?", name)), None)
        if name is not None:
            leaves = parts if domain in values_of(entry.domain) else [rest]
            cursor.execute(SIZE, (name,))
            (size_mb,) = cursor.fetchone() or (0,)
            cursor.execute(MEMORY.format(mb=max(64, size_mb * 3 // 2 // len(leaves))))
            for number, leaf in enumerate(leaves, start=1):
                yield from build_index(cursor, _next_name(base, name, number), leaf.name, found[name])


def _next_name(base: str, present: str, number: int) -> str:
    """Return a name for a part of an index that the present one does not have."""
    return f"{base}_{number + 1000}" if present == f"{base}_{number}" else f"{base}_{number}"


def add_references(cursor: Cursor, entry: PartitionEntry) -> None:
    """Let each new table refer to the same tables as the present one, and parts of rows to the part of their rows."""
    for table in PART_TABLES:
        source, rows = rest_of(cursor, table.name), rest_of(cursor, ROWS.name)
        cursor.execute(REFERENCES, (source,))
        for name, definition, target in cursor.fetchall():
            for leaf in leaves_of(table, entry, cursor):
                own = f"{ROWS.name}{leaf.suffix}" if target == rows else target
                _add_reference(
                    cursor, leaf.name, name, definition.replace(f"REFERENCES {target}(", f"REFERENCES {own}(")
                )


def _add_reference(cursor: Cursor, table: str, name: str, definition: str) -> None:
    cursor.execute(
        "SELECT convalidated FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s", (table, name)
    )
    found = cursor.fetchone()
    if found is None:
        run_briefly(cursor, [f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition} NOT VALID"])
    if found != (True,):
        cursor.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def exchange_tables(cursor: Cursor, entry: PartitionEntry, others: Sequence[PartitionEntry]) -> None:
    """Let the partitioned tables take the place of the present ones, in one short transaction.

    Raises:
        LockNotAvailable: If a lock is not free for minutes.
    """
    run_briefly(
        cursor, replacing(cursor, entry, (text for table in PART_TABLES for text in _exchange(cursor, table, others)))
    )


def replacing(cursor: Cursor, entry: PartitionEntry, exchange: Iterable[str]) -> list[str]:
    """Return the statements of a transaction that exchanges the tables, with the references of other tables to them."""
    cursor.execute(REFERRING)
    referring = cursor.fetchall()
    return [
        # In the order in which writers lock them, so that they and this transaction do not wait for each other.
        f"LOCK TABLE {', '.join(table.name for table in PART_TABLES)} IN ACCESS EXCLUSIVE MODE",
        *(f"ALTER TABLE {table} DROP CONSTRAINT {name}" for table, name, _ in referring),
        *exchange,
        *(f"ALTER TABLE {table} ADD CONSTRAINT {name} {text} NOT VALID" for table, name, text in referring),
        DONE.format(domain=entry.domain),
    ]


def _exchange(cursor: Cursor, table: PartTable, others: Sequence[PartitionEntry]) -> Iterator[str]:
    for other in others:
        own = table.of_domain(other.number)
        yield f"ALTER TABLE {table.name} DETACH PARTITION {own}"
        yield f"ALTER TABLE {table.next} ATTACH PARTITION {own} FOR VALUES IN ({in_list(cursor, other)})"
    yield f"ALTER TABLE {table.name} RENAME TO {table.former}"
    yield f"ALTER TABLE {table.next} RENAME TO {table.name}"
    yield from rename_indexes(cursor, table, "former_{}")


def rename_indexes(cursor: Cursor, table: PartTable, former: str) -> Iterator[str]:
    """Yield statements that name the indexes of the new table as those of the present one, which become ``former``."""
    cursor.execute(
        "SELECT c.relname FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid WHERE x.indrelid = %s::regclass",
        (table.next,),
    )
    for (name,) in cursor.fetchall():
        canonical = name.removeprefix("next_")
        yield f"ALTER INDEX IF EXISTS {canonical} RENAME TO {former.format(canonical)}"
        yield f"ALTER INDEX {name} RENAME TO {canonical}"


def clean_up(cursor: Cursor) -> None:
    """Drop the replaced tables and the triggers' functions, and check the references of other tables; repeatable."""
    for table in REFERRING_FIRST:
        if exists(cursor, table.former):
            run_briefly(cursor, [f"DROP TABLE {table.former}", f"DROP FUNCTION IF EXISTS {table.trigger} CASCADE"])
    cursor.execute(NOT_VALID)
    for table, name in cursor.fetchall():
        cursor.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def abandon_copy(cursor: Cursor, entry: PartitionEntry) -> None:
    """Drop an unfinished copy with its triggers, and its entry last; repeatable."""
    for table in REFERRING_FIRST:
        run_briefly(cursor, [f"DROP FUNCTION IF EXISTS {table.trigger} CASCADE"])
    drop_made(cursor, entry)
    cursor.execute("DELETE FROM partitions WHERE domain = %s AND done_at IS NULL", (entry.domain,))


def drop_made(cursor: Cursor, entry: PartitionEntry) -> None:
    """Drop the tables of an entry that is not done, and let its domain be written again."""
    for table in PART_TABLES:
        rest = rest_of(cursor, table.name)
        cursor.execute("SELECT FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s", (rest, HELD_BACK))
        if cursor.fetchone() is not None:
            run_briefly(cursor, [f"ALTER TABLE {rest} DROP CONSTRAINT {HELD_BACK}"])
    for table in REFERRING_FIRST:
        for name in (table.next, table.of_domain(entry.number)):
            run_briefly(cursor, [f"DROP TABLE IF EXISTS {name}"])
