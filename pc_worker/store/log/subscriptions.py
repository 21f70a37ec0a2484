"""Named consumers: how far each has acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pc_worker.errors import NotFound
from pc_worker.store.db.connection import Cursor, is_storable

#: Seconds after its last use that a subscription stays which has never acknowledged anything: a day.
UNUSED_S = 86_400.0

#: When a subscription was last consumed, as far as the database knows.
USED = "greatest(s.used_at, s.updated_at, s.held_until)"
#: When it goes if nobody comes; %(retention)s = 0: never, once it has acknowledged something.
EXPIRES = f"""
CASE WHEN s.acked_at IS NULL AND s.rows_acked = 0 THEN {USED} + make_interval(secs => %(unused)s)
     WHEN %(retention)s > 0 THEN {USED} + make_interval(secs => %(retention)s) END
"""
LIST = f"""
SELECT s.domain, s.name, s.position, d.head, d.head - s.position, s.updated_at,
       CASE WHEN s.held_until > now() THEN s.held_by END, CASE WHEN s.held_until > now() THEN s.held_until END,
       CASE WHEN s.held_until > now() THEN NULL ELSE {EXPIRES} END
FROM subscriptions s JOIN domains d USING (domain) ORDER BY s.domain, s.name
"""
PURGE = f"""
DELETE FROM subscriptions s WHERE {EXPIRES} < now() AND (s.held_until IS NULL OR s.held_until < now())
RETURNING s.domain, s.name, s.position, {USED}
"""
NAMES = ("domain", "name", "position", "head", "lag", "updated_at", "held_by", "held_until", "expires_at")


@dataclass(frozen=True, slots=True)
class Expired:
    """A subscription that was removed: where it stood, and when it was last consumed."""

    domain: str
    name: str
    position: int
    used_at: datetime


def list_subscriptions(cursor: Cursor, *, retention_s: float) -> list[dict[str, Any]]:
    """Give every subscription with its position, its domain's head and its lag in positions.

    ``held_by`` is its consumer's address and ``held_until`` when that one is taken for dead unless it says more; both
    null where nobody consumes it. ``expires_at`` is when it goes if nobody comes, null = not.
    """
    cursor.execute(LIST, {"retention": retention_s, "unused": UNUSED_S})
    return [dict(zip(NAMES, map(_json, row), strict=True)) for row in cursor.fetchall()]


def purge_subscriptions(cursor: Cursor, *, retention_s: float) -> list[Expired]:
    """Remove what nobody has consumed for ``retention_s``, 0 = never; what has not acknowledged anything, for a day."""
    cursor.execute(PURGE, {"retention": retention_s, "unused": UNUSED_S})
    return [Expired(*row) for row in cursor.fetchall()]


def _json(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def drop_subscription(cursor: Cursor, domain: str, name: str) -> None:
    """Remove a subscription.

    Raises:
        NotFound: If there is none of this name.
    """
    if not (is_storable(domain) and is_storable(name)):
        raise NotFound(f"no domain or subscription has such a name: {domain!r}, {name!r}")
    cursor.execute("DELETE FROM subscriptions WHERE domain = %s AND name = %s", (domain, name))
    if not cursor.rowcount:
        raise NotFound(f"domain {domain} has no subscription {name!r}; `subscriptions list` shows them")
