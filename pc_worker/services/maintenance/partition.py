"""Divide a domain into partitions while the tables are read and written; they are copied in steps if it has rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pc_worker.domains import get_domain
from pc_worker.errors import Conflict, InvalidRequest
from pc_worker.logs import get_logger
from pc_worker.services.search.index.indexes import tune_indexes
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.partitions.attach import attach_partitions, copy_has_begun, is_empty
from pc_worker.store.partitions.entries import PartitionEntry, TableSize, add_entry, read_entries, table_sizes_of
from pc_worker.store.partitions.fill import fill_tables
from pc_worker.store.partitions.finish import (
    abandon_copy,
    add_references,
    clean_up,
    drop_made,
    exchange_tables,
    index_tables,
    index_vectors,
)
from pc_worker.store.partitions.obstacles import obstacles
from pc_worker.store.partitions.prepare import analyze_tables, head_of, prepare_tables
from pc_worker.store.search.index.build import maintenance

log = get_logger(__name__)

#: Enough for 10⁸ rows, of which each part has 6 million then.
PARTS, MAX_PARTS = 16, 256
#: Positions in a range of the log; a domain of 10⁸ rows has 11 ranges then.
LOG_SPAN = 10_000_000
AT_WORK = "another process is building indexes or partitions: wait until it is done"

#: Called with what was done, and with the number of rows.
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionPlan:
    """What partitioning a domain does: the parts, and the tables that are copied, none for a domain without rows.

    ``begun`` = it was begun before.
    """

    domain: str
    parts: int
    log_span: int
    begun: bool
    done: bool
    tables: Sequence[TableSize]

    @property
    def copied_bytes(self) -> int:
        """The disk that is needed until the replaced tables are dropped."""
        return sum(table.bytes for table in self.tables)


def plan_partitions(
    database: Database, domain: str, *, parts: int | None = None, log_span: int | None = None
) -> PartitionPlan:
    """Return what `partition_domain` would do; change nothing.

    Raises:
        InvalidRequest: If it would refuse.
    """
    with database.transaction() as cursor:
        entry = _entry(cursor, domain, parts, log_span)
        copying = entry is not None and not entry.done and copy_has_begun(cursor, entry)
        nothing = (entry is not None and entry.done) or (not copying and is_empty(cursor, domain))
        tables = [] if nothing else table_sizes_of(cursor, domain)
    return PartitionPlan(
        domain=domain,
        parts=(parts or PARTS) if entry is None else entry.parts,
        log_span=(log_span or LOG_SPAN) if entry is None else entry.log_span,
        begun=entry is not None,
        done=entry is not None and entry.done,
        tables=tables,
    )


def partition_domain(
    database: Database,
    domain: str,
    *,
    parts: int | None = None,
    log_span: int | None = None,
    progress: Progress = lambda what, rows: None,
) -> bool:
    """Partition a domain, or continue where an earlier run ended; return False if it is partitioned already.

    Args:
        database: A connection of the calling thread.
        domain: The domain.
        parts: Hash parts of its rows, vectors, terms and identities; None = as begun, otherwise `PARTS`.
        log_span: Positions in each range of its log; None = as begun, otherwise `LOG_SPAN`.
        progress: Called after each step.

    Raises:
        InvalidRequest: If the domain is unknown, has or is being divided into other parts or ranges, if another domain
            is only half partitioned, if the tables have views or triggers, or another process is at work on indexes.
        Unavailable: If PostgreSQL does not answer.
    """
    plan = plan_partitions(database, domain, parts=parts, log_span=log_span)
    with maintenance(database) as cursor:
        if cursor is None:
            raise InvalidRequest(AT_WORK)
        clean_up(cursor)  # after a run that was interrupted at its end
        if not plan.done:
            add_entry(cursor, domain, parts=plan.parts, log_span=plan.log_span)
            entries = read_entries(cursor)
            _partition(cursor, next(entry for entry in entries if entry.domain == domain), entries, progress)
            log.info("domain_partitioned", domain=domain, parts=plan.parts)
            clean_up(cursor)
    if not plan.done:
        tune_indexes(database, domain)  # a part needs less breadth than the whole
    return not plan.done


def abandon_partitions(database: Database, domain: str) -> None:
    """Drop the unfinished copy of a domain: nothing is written twice any more, and its disk is free.

    Raises:
        InvalidRequest: If no copy of the domain is unfinished, or another process is at work on indexes.
        Unavailable: If PostgreSQL does not answer.
    """
    if domain not in unfinished_copies(database):
        raise InvalidRequest(f"no unfinished copy of {domain} exists: nothing was dropped")
    with maintenance(database) as cursor:
        if cursor is None:
            raise InvalidRequest(AT_WORK)
        abandon_copy(cursor, next(entry for entry in read_entries(cursor) if entry.domain == domain))


def unfinished_copies(database: Database) -> list[str]:
    """Return the domains whose partitioning was begun and is not done."""
    with database.transaction() as cursor:
        return [entry.domain for entry in read_entries(cursor) if not entry.done]


def _entry(cursor: Cursor, domain: str, parts: int | None, log_span: int | None) -> PartitionEntry | None:
    get_domain(domain)
    if parts is not None and not 2 <= parts <= MAX_PARTS:
        raise InvalidRequest(f"{parts} parts: at least 2 and at most {MAX_PARTS} are possible")
    if log_span is not None and log_span < 1:
        raise InvalidRequest(f"{log_span} positions: a range of the log has at least one")
    entries = read_entries(cursor)
    entry = next((entry for entry in entries if entry.domain == domain), None)
    unfinished = [other.domain for other in entries if not other.done and other is not entry]
    if unfinished:
        raise InvalidRequest(
            f"the copy of {unfinished[0]} is not finished: run `migrate --partition {unfinished[0]}` first,"
            " or drop it with --abandon"
        )
    if entry is not None and parts not in (None, entry.parts):
        raise InvalidRequest(f"{domain} has {entry.parts} parts already: their number cannot be changed")
    if entry is not None and log_span not in (None, entry.log_span):
        raise InvalidRequest(f"the log of {domain} has ranges of {entry.log_span:,} positions: they cannot be changed")
    if (entry is None or not entry.done) and (found := obstacles(cursor)):
        raise InvalidRequest(f"the tables cannot be replaced while they have {', '.join(found)}: drop it first")
    return entry


def _partition(cursor: Cursor, entry: PartitionEntry, entries: Sequence[PartitionEntry], progress: Progress) -> None:
    others, head = [other for other in entries if other.done], head_of(cursor, entry.domain)
    if not copy_has_begun(cursor, entry):
        drop_made(cursor, entry)  # by a run that was interrupted
        if is_empty(cursor, entry.domain):
            with suppress(Conflict):  # its first rows were written meanwhile: they are copied
                for what in attach_partitions(cursor, entry, others, head=head):
                    progress(what, 0)
                return
    prepare_tables(cursor, entry, others, head=head)
    for table, rows in fill_tables(cursor, entry):
        progress(f"copied {table}", rows)
    for name in index_tables(cursor, entry):
        progress(f"built {name}", 0)
    add_references(cursor, entry)
    for name in index_vectors(cursor, entry):
        progress(f"built {name}", 0)
    analyze_tables(cursor)
    exchange_tables(cursor, entry, others)
