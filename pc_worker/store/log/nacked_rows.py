"""Nacked rows as commands, metrics and maintenance see them: list, retry, drop, remove."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pc_worker.store.db.connection import Cursor, is_storable, uuid_array

NackedState = Literal["dead", "waiting"]

#: Rows that are not deleted and have no newer version: that one comes in the log's order.
LIVE = """
EXISTS (SELECT FROM log l WHERE l.domain = n.domain AND l.position = n.position AND l.superseded_by IS NULL)
"""
WANTED = f"""
{LIVE} AND (%(domains)s::text[] IS NULL OR n.domain = ANY (%(domains)s::text[]))
  AND (%(name)s::text IS NULL OR n.name = %(name)s OR n.name IN (
           SELECT s.name FROM subscriptions s WHERE s.domain = n.domain AND s.consumer = %(name)s))
  AND (%(ids)s::uuid[] IS NULL OR n.row_id = ANY (%(ids)s::uuid[]))
"""
PAGE = f"""
SELECT n.domain, n.name, n.row_id::text, n.position, CASE WHEN n.due_at IS NULL THEN 'dead' ELSE 'waiting' END,
       n.deliveries, n.reason, n.nacked_at, n.due_at,
       CASE WHEN %(with_rows)s THEN (SELECT payload FROM rows r WHERE r.domain = n.domain AND r.row_id = n.row_id) END
FROM nacked_rows n
WHERE {WANTED} AND (%(state)s::text IS NULL OR (n.due_at IS NULL) = (%(state)s = 'dead'))
  AND (%(after)s::text[] IS NULL
       OR (n.domain, n.name, n.row_id) > ((%(after)s::text[])[1], (%(after)s::text[])[2], (%(after)s::text[])[3]::uuid))
ORDER BY n.domain, n.name, n.row_id LIMIT %(limit)s
"""
# The notification wakes the gateway of a consumer that is connected.
RETRY = f"""
WITH retried AS (
    UPDATE nacked_rows n SET deliveries = 0, due_at = now() WHERE {WANTED} AND n.due_at IS NULL
    RETURNING n.domain, n.name
)
SELECT count(*), count(pg_notify('pcw_fence', domain || '/' || name)) FROM retried
"""
DROP = f"DELETE FROM nacked_rows n WHERE {WANTED} AND n.due_at IS NULL"
COUNTS = f"""
SELECT n.domain, n.name, count(*) FILTER (WHERE n.due_at IS NULL), count(n.due_at)
FROM nacked_rows n WHERE {LIVE} GROUP BY n.domain, n.name
"""
# Log and subscriptions are read as they were when the statement began. A nack that is stored meanwhile, of a later
# entry or of a new subscription, has another position or time than the one that was found.
STALE = f"""
WITH old AS MATERIALIZED (
    SELECT domain, name, row_id, position, nacked_at FROM nacked_rows n
    WHERE NOT {LIVE} OR NOT EXISTS (SELECT FROM subscriptions s WHERE s.domain = n.domain AND s.name = n.name))
DELETE FROM nacked_rows gone USING old
WHERE (gone.domain, gone.name, gone.row_id) = (old.domain, old.name, old.row_id)
  AND (gone.position, gone.nacked_at) = (old.position, old.nacked_at)
"""
FORGET = """
DELETE FROM nacked_rows n WHERE n.domain = %s AND n.row_id = ANY (%s::uuid[])
    AND NOT EXISTS (SELECT FROM rows r WHERE r.domain = n.domain AND r.row_id = n.row_id)
"""
OF_SUBSCRIPTION = "DELETE FROM nacked_rows WHERE domain = %s AND name = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class NackedFilter:
    """Which nacked rows; the default matches all.

    Attributes:
        domains: Only of these domains; None = of all.
        name: Only of subscriptions of this name, with their shards.
        row_ids: Only these rows.
    """

    domains: Collection[str] | None = None
    name: str | None = None
    row_ids: Sequence[UUID] | None = None

    @property
    def storable(self) -> bool:
        """Whether any row can match: no name in the database holds NUL."""
        return is_storable(self.name or "") and all(map(is_storable, self.domains or ()))

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of the SQL condition."""
        return {
            "domains": None if self.domains is None else sorted(self.domains),
            "name": self.name,
            "ids": None if self.row_ids is None else uuid_array(self.row_ids),
        }


@dataclass(frozen=True, slots=True)
class NackedRow:
    """A row that a consumer nacked: a dead letter, or waiting until ``due_at``.

    ``payload``: the row as it is stored; None if it was not asked for.
    """

    domain: str
    subscription: str
    row_id: str
    position: int
    state: NackedState
    deliveries: int
    reason: str
    nacked_at: datetime
    due_at: datetime | None
    payload: dict[str, Any] | None

    @property
    def place(self) -> tuple[str, str, str]:
        """The row's place in a list."""
        return self.domain, self.subscription, self.row_id


def read_nacked_rows(
    cursor: Cursor,
    wanted: NackedFilter,
    *,
    state: NackedState | None,
    with_rows: bool,
    after: Sequence[str] | None = None,
    limit: int,
) -> list[NackedRow]:
    """Return nacked rows after a place, by domain, subscription and row; of both states if ``state`` is None."""
    if not wanted.storable:
        return []
    page = {"state": state, "with_rows": with_rows, "after": None if after is None else list(after), "limit": limit}
    cursor.execute(PAGE, wanted.parameters | page)
    return [NackedRow(*row) for row in cursor.fetchall()]


def retry_nacked(cursor: Cursor, wanted: NackedFilter) -> int:
    """Let dead letters be delivered again at once, counted from the start; return how many."""
    if not wanted.storable:
        return 0
    cursor.execute(RETRY, wanted.parameters)
    (count, _) = cursor.fetchone() or (0, 0)
    return int(count)


def drop_nacked(cursor: Cursor, wanted: NackedFilter) -> int:
    """Drop dead letters: the subscription gets these rows only in a newer version; return how many."""
    if not wanted.storable:
        return 0
    cursor.execute(DROP, wanted.parameters)
    return cursor.rowcount


def nacked_counts(cursor: Cursor) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the number of dead letters and of waiting rows by domain and subscription, if there are any."""
    cursor.execute(COUNTS)
    return {(domain, name): (dead, waiting) for domain, name, dead, waiting in cursor.fetchall()}


def purge_nacked(cursor: Cursor) -> int:
    """Remove nacked rows that have a newer version, or whose subscription is gone; return how many."""
    cursor.execute(STALE)
    return cursor.rowcount


def forget_nacked(cursor: Cursor, domain: str, ids: Sequence[UUID]) -> None:
    """Remove nacked rows of these that are not stored any more.

    Call it after their tombstones are logged: no nack can come in between.
    """
    cursor.execute(FORGET, (domain, uuid_array(ids)))


def drop_nacked_of(cursor: Cursor, domain: str, name: str) -> None:
    """Remove all nacked rows of a subscription."""
    cursor.execute(OF_SUBSCRIPTION, (domain, name))
