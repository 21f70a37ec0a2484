"""Named consumers: how far each has acknowledged."""

from __future__ import annotations

from typing import Any

from pc_worker.errors import NotFound
from pc_worker.store.connection import Cursor

LIST = """
SELECT s.domain, s.name, s.position, d.head, d.head - s.position, s.updated_at,
       CASE WHEN s.held_until > now() THEN s.held_by END, CASE WHEN s.held_until > now() THEN s.held_until END
FROM subscriptions s JOIN domains d USING (domain) ORDER BY s.domain, s.name
"""


def list_subscriptions(cursor: Cursor) -> list[dict[str, Any]]:
    """Give every subscription with its position, its domain's head and its lag in positions.

    ``held_by`` is its consumer's address and ``held_until`` when that one is taken for dead unless it says more; both
    null where nobody consumes it.
    """
    cursor.execute(LIST)
    return [
        {
            "domain": domain,
            "name": name,
            "position": position,
            "head": head,
            "lag": lag,
            "updated_at": updated_at.isoformat(),
            "held_by": held_by,
            "held_until": None if held_until is None else held_until.isoformat(),
        }
        for domain, name, position, head, lag, updated_at, held_by, held_until in cursor.fetchall()
    ]


def drop_subscription(cursor: Cursor, domain: str, name: str) -> None:
    """Remove a subscription.

    Raises:
        NotFound: If there is none of this name.
    """
    cursor.execute("DELETE FROM subscriptions WHERE domain = %s AND name = %s", (domain, name))
    if not cursor.rowcount:
        raise NotFound(f"domain {domain} has no subscription {name!r}; `subscriptions list` shows them")
