"""Replace the search terms of stored rows after a change of the rules, while rows are read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from uuid import UUID

from pc_worker.domains import domain_names, get_domain, search_text
from pc_worker.logs import get_logger
from pc_worker.model.joined import is_joined_name, joined_name
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.search.filters.payload_fields import collect_fields
from pc_worker.store.search.index.row_terms import (
    FIRST,
    TABLES,
    StoredText,
    Table,
    logged_domains,
    replace_terms,
    rows_of_older_rules,
)
from pc_worker.store.search.statistics import refresh_statistics
from pc_worker.store.search.terms import rows_terms

log = get_logger(__name__)

#: Rows per transaction: a writer of one of them waits for some tens of milliseconds.
BATCH = 500


def reindex_terms(
    database: Database, domain: str | None = None, *, progress: Callable[[str, int], None] = lambda *_: None
) -> dict[str, int]:
    """Replace all terms that were made by older rules; after an interruption, run it again: it continues.

    Args:
        database: A connection of the calling thread.
        domain: Only this domain.
        progress: Called after each batch with the domain and the number of its rows so far.

    Returns:
        The number of rows with new terms, by domain.

    Raises:
        InvalidRequest: If the domain is unknown.
        Unavailable: If PostgreSQL does not answer.
    """
    if domain is not None:
        get_domain(domain)
    with database.transaction() as cursor:
        names = [name for name in logged_domains(cursor, domain) if name in domain_names()]
        names += [joined_name(name) for name in names if get_domain(name).join is not None]
    done: dict[str, int] = {}
    for name in names:
        for rows in _replaced(database, name):
            done[name] = done.get(name, 0) + rows
            progress(name, done[name])
        if name in done:
            refresh_statistics(database, name, always=True, all_rules=True)
            log.info("terms_reindexed", domain=name, rows=done[name])
    return done


def _replaced(database: Database, domain: str) -> Iterator[int]:
    """Yield the number of rows of each batch."""
    for table in TABLES:
        after: UUID | None = FIRST
        while after is not None:
            after, rows = database.repeat(partial(_replace, domain=domain, table=table, after=after))
            if rows:
                yield rows


def _replace(cursor: Cursor, *, domain: str, table: Table, after: UUID) -> tuple[UUID | None, int]:
    """Replace the terms of the next rows; return the last one's id, None at the end, and how many had older terms."""
    found = rows_of_older_rules(cursor, domain, table, after=after, limit=BATCH)
    if not found:
        return None, 0
    terms = rows_terms(domain, [(_text(domain, row), row.payload) for row in found])
    collect_fields(cursor, domain, {path for each in terms for path in each.fields})
    return found[-1].row_id, replace_terms(cursor, domain, table, [row.row_id for row in found], terms)


def _text(domain: str, row: StoredText) -> str:
    if is_joined_name(domain):
        return row.text or ""
    return search_text(get_domain(domain), payload=row.payload, text=row.text)
