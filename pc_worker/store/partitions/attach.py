"""Make the partitions of a domain that has no rows, without copying those of other domains.

The rows of all other domains stay where they are: their table becomes the default partition, or is it already.
PostgreSQL accepts that without reading it under a lock, if a check proves that it holds no rows of the domain. The
check is validated while the other domains are read and written. It refuses rows of the domain meanwhile, which the
store reports as unavailable, so that its writers try again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psycopg2.errors import CheckViolation

from pc_worker.errors import Conflict
from pc_worker.store.db.connection import HELD_BACK, Cursor
from pc_worker.store.db.leaves import rest_of
from pc_worker.store.partitions.entries import DONE, PartitionEntry
from pc_worker.store.partitions.finish import (
    INDEXES,
    add_references,
    canonical_name,
    drop_made,
    rename_indexes,
    replacing,
)
from pc_worker.store.partitions.prepare import NOT, domain_table, holds_none_of, in_list, whole_table
from pc_worker.store.partitions.statements import run_briefly, run_when_free
from pc_worker.store.partitions.tables import PART_TABLES, PartTable, exists, values_of
from pc_worker.store.search.index.catalog import PREFIX


def copy_has_begun(cursor: Cursor, entry: PartitionEntry) -> bool:
    """Return whether tables are being copied for the entry."""
    return exists(cursor, PART_TABLES[0].rest(entry.number))


def is_empty(cursor: Cursor, domain: str) -> bool:
    """Return whether the domain has no rows and no log."""
    found = " OR ".join(f"EXISTS (SELECT FROM {table.name} WHERE domain = ANY (%(names)s))" for table in PART_TABLES)
    cursor.execute(f"SELECT {found}", {"names": values_of(domain)})
    return cursor.fetchone() == (False,)


def attach_partitions(
    cursor: Cursor, entry: PartitionEntry, others: Sequence[PartitionEntry], *, head: int
) -> Iterator[str]:
    """Make the partitions and attach them; yield what was done.

    Args:
        cursor: Outside transactions.
        entry: The domain, without rows.
        others: The domains that are partitioned already.
        head: The last position of the domain's log.

    Raises:
        Conflict: If a row of the domain was written meanwhile; nothing is left then.
        LockNotAvailable: If a lock is not free for minutes.
    """
    for table in PART_TABLES:
        run_briefly(cursor, [*_made(cursor, table, entry, whole=not others, head=head)])
        yield f"made {table.of_domain(entry.number)}"
    add_references(cursor, entry)
    try:
        for table in PART_TABLES:
            _check_rest(cursor, table, [*(other.domain for other in others), entry.domain])
            yield f"checked {table.name}"
    except CheckViolation as exc:
        drop_made(cursor, entry)
        raise Conflict(f"rows of {entry.domain} were written meanwhile") from exc
    run_briefly(cursor, _attached(cursor, entry) if others else _replaced(cursor, entry))
    for table in PART_TABLES:
        run_when_free(cursor, f"ANALYZE {table.name}")


def _made(cursor: Cursor, table: PartTable, entry: PartitionEntry, *, whole: bool, head: int) -> Iterator[str]:
    """Yield statements that make the domain's table with indexes; ``whole`` = and the one that it will be a part of."""
    source, own = rest_of(cursor, table.name), table.of_domain(entry.number)
    yield from domain_table(cursor, table, source, entry, head=head)
    cursor.execute(INDEXES, (source,))
    indexes = [
        (canonical_name(name, source, table), text) for name, text in cursor.fetchall() if not name.startswith(PREFIX)
    ]
    yield from (f"CREATE INDEX {name}_p{entry.number} ON {own}{text}" for name, text in indexes)
    if whole:
        yield from whole_table(cursor, table, source)
        yield f"ALTER TABLE {table.next} ATTACH PARTITION {own} FOR VALUES IN ({in_list(cursor, entry)})"
        yield from (f"CREATE INDEX next_{name} ON {table.next}{text}" for name, text in indexes)


def _check_rest(cursor: Cursor, table: PartTable, domains: Sequence[str]) -> None:
    """Let the table of the other domains hold no row of these ones; it is read while it is written."""
    rest = rest_of(cursor, table.name)
    check = holds_none_of(cursor, domains)
    run_briefly(cursor, [f"ALTER TABLE {rest} ADD CONSTRAINT {HELD_BACK} {check} NOT VALID"])
    run_when_free(cursor, f"ALTER TABLE {rest} VALIDATE CONSTRAINT {HELD_BACK}")


def _attached(cursor: Cursor, entry: PartitionEntry) -> list[str]:
    """Return the statements of a transaction that attaches the domain's tables to those that are partitioned."""
    rests = [rest_of(cursor, table.name) for table in PART_TABLES]
    statements = [f"LOCK TABLE {', '.join(rests)} IN ACCESS EXCLUSIVE MODE"]
    for table, rest in zip(PART_TABLES, rests, strict=True):
        own = table.of_domain(entry.number)
        statements.append(f"ALTER TABLE {table.name} ATTACH PARTITION {own} FOR VALUES IN ({in_list(cursor, entry)})")
        statements += _checked(rest)
    return [*statements, DONE.format(domain=entry.domain)]


def _replaced(cursor: Cursor, entry: PartitionEntry) -> list[str]:
    """Return the statements of a transaction that makes each present table the default partition of its new one."""
    exchange: list[str] = []
    for table in PART_TABLES:
        rest = table.rest(entry.number)
        exchange.append(f"ALTER TABLE {table.name} RENAME TO {rest}")
        exchange.append(f"ALTER TABLE {table.next} RENAME TO {table.name}")
        exchange += rename_indexes(cursor, table, f"{{}}_rest{entry.number}")
        exchange.append(f"ALTER TABLE {table.name} ATTACH PARTITION {rest} DEFAULT")
        exchange += _checked(rest)
    return replacing(cursor, entry, exchange)


def _checked(rest: str) -> list[str]:
    return [
        f"ALTER TABLE {rest} DROP CONSTRAINT IF EXISTS {NOT}",
        f"ALTER TABLE {rest} RENAME CONSTRAINT {HELD_BACK} TO {NOT}",
    ]
