"""Rows that consumers could not store: list them, deliver them again, or drop them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pc_worker.errors import NotFound
from pc_worker.services.dependencies import Services
from pc_worker.store.db.connection import Cursor
from pc_worker.store.log import nacked_rows
from pc_worker.store.log.nacked_rows import NackedFilter, NackedRow, NackedState
from pc_worker.store.log.subscriptions import check_subscription

#: Rows that are read at once.
PAGE = 100


def nacked_page(
    services: Services,
    wanted: NackedFilter,
    *,
    state: NackedState | None = "dead",
    with_rows: bool = False,
    after: Sequence[str] | None = None,
    limit: int,
) -> list[NackedRow]:
    """Return the next nacked rows after a place; ``with_rows`` as they are stored now.

    Raises:
        NotFound: If there is no subscription of this name.
    """
    with services.database.transaction() as cursor:
        _check(cursor, wanted)
        return nacked_rows.read_nacked_rows(cursor, wanted, state=state, with_rows=with_rows, after=after, limit=limit)


def all_nacked(
    services: Services, wanted: NackedFilter, *, state: NackedState | None, with_rows: bool
) -> Iterator[NackedRow]:
    """Yield all nacked rows that match, a page at a time.

    Raises:
        NotFound: If there is no subscription of this name.
    """
    after: Sequence[str] | None = None
    while page := nacked_page(services, wanted, state=state, with_rows=with_rows, after=after, limit=PAGE):
        yield from page
        after = page[-1].place


def retry_nacked(services: Services, wanted: NackedFilter) -> int:
    """Deliver dead letters again, counted from the start: at once if the consumer is connected; return how many.

    Raises:
        NotFound: If there is no subscription of this name, or one of the rows is not its dead letter; nothing is done.
    """
    with services.database.transaction() as cursor:
        _check(cursor, wanted)
        return _all_or_none(nacked_rows.retry_nacked(cursor, wanted), wanted)


def drop_nacked(services: Services, wanted: NackedFilter) -> int:
    """Drop dead letters: the subscription gets these rows only in a newer version; return how many.

    Raises:
        NotFound: If there is no subscription of this name, or one of the rows is not its dead letter; nothing is done.
    """
    with services.database.transaction() as cursor:
        _check(cursor, wanted)
        return _all_or_none(nacked_rows.drop_nacked(cursor, wanted), wanted)


def nacked_document(row: NackedRow) -> dict[str, Any]:
    """Return the document of a nacked row, as `subscriptions dead list --json` prints it."""
    return {
        "domain": row.domain,
        "subscription": row.subscription,
        "row_id": row.row_id,
        "position": row.position,
        "state": row.state,
        "deliveries": row.deliveries,
        "reason": row.reason,
        "nacked_at": row.nacked_at.isoformat(),
        "due_at": None if row.due_at is None else row.due_at.isoformat(),
        "row": row.payload,
    }


def _check(cursor: Cursor, wanted: NackedFilter) -> None:
    if wanted.name is not None:
        for domain in wanted.domains or ():
            check_subscription(cursor, domain, wanted.name)


def _all_or_none(found: int, wanted: NackedFilter) -> int:
    named = len(set(wanted.row_ids or ()))
    if found < named:
        raise NotFound(
            f"{named - found} of the {named} rows are no dead letters of {wanted.name or 'a subscription'}:"
            " nothing was done; `subscriptions dead list` shows them"
        )
    return found
