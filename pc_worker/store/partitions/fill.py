"""Copy the rows of the present tables into the partitioned ones, in steps.

A step locks its rows against deletion, and the triggers write every change to both tables. A step never replaces a row,
a writer always does: whichever of the two comes first, the partitions then have the row as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from pc_worker.retry import RetryPolicy
from pc_worker.store.db.connection import RETRYABLE, Cursor
from pc_worker.store.db.leaves import rest_of
from pc_worker.store.partitions.entries import PartitionEntry
from pc_worker.store.partitions.tables import PART_TABLES, PartTable

#: Rows that a step copies: one second at most, during which none of them can be deleted.
STEP_ROWS = 4_000
CONFLICTS = RetryPolicy(attempts=50, first_s=0.1, jitter_s=0.3, longest_s=2.0)

STEP = """
WITH step AS MATERIALIZED (
    SELECT * FROM {source} {after} ORDER BY {key} LIMIT {rows} FOR KEY SHARE
), copied AS (
    INSERT INTO {next} SELECT * FROM step ON CONFLICT DO NOTHING
)
UPDATE partitions SET copied = copied || jsonb_build_object('{table}', last.key)
FROM (SELECT jsonb_build_array({texts}) AS key FROM step ORDER BY {key_desc} LIMIT 1) AS last
WHERE domain = %(domain)s RETURNING (SELECT count(*) FROM step), copied -> '{table}'
"""
MORE = "SELECT EXISTS (SELECT FROM {source} {after})"


def fill_tables(cursor: Cursor, entry: PartitionEntry) -> Iterator[tuple[str, int]]:
    """Copy every table from where the entry says; yield the table's name and the rows after each step."""
    for table in PART_TABLES:
        last = entry.copied.get(table.name)
        while (found := _step(cursor, entry, table, last)) is not None:
            rows, last = found
            yield table.name, rows


def _step(
    cursor: Cursor, entry: PartitionEntry, table: PartTable, last: list[str] | None
) -> tuple[int, list[str] | None] | None:
    """Copy the next rows after the key ``last``; return how many, and the new last key; None = there are no more."""
    source = rest_of(cursor, table.name)
    casts = ", ".join(f"%(k{number})s::{kind}" for number, (_, kind) in enumerate(table.key))
    after = "" if last is None else f"WHERE ({table.key_columns}) > ({casts})"
    values = {"domain": entry.domain} | {f"k{number}": value for number, value in enumerate(last or ())}
    statement = STEP.format(
        source=source,
        next=table.next,
        table=table.name,
        after=after,
        key=table.key_columns,
        key_desc=", ".join(f"{name} DESC" for name, _ in table.key),
        texts=", ".join(f"{name}::text" for name, _ in table.key),
        rows=STEP_ROWS,
    )
    CONFLICTS.call(lambda: cursor.execute(statement, values), on=lambda exc: isinstance(exc, RETRYABLE))
    copied = cursor.fetchone()
    if copied is not None:
        return copied[0], copied[1]
    cursor.execute(
        MORE.format(source=source, after=after), values
    )  # rows that were deleted meanwhile make a step empty
    return (0, last) if cursor.fetchone() == (True,) else None
