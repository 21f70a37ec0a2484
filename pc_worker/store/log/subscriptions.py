"""Subscriptions as commands, metrics and maintenance read them: positions, lags, expiry."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pc_worker.errors import BeyondHead, InvalidRequest, NotFound
from pc_worker.model.shard import MAX_SHARDS
from pc_worker.model.start_point import StartPoint
from pc_worker.store.db.connection import Cursor, is_storable
from pc_worker.store.log.nacked_rows import drop_nacked_of
from pc_worker.store.log.subscription_groups import HELD, check_free, lock_group, read_group, reshard

#: Seconds after its last use at which a subscription without any acknowledgement expires: a day.
UNUSED_S = 86_400.0

#: Subscriptions reported, those with the largest lag first. Consumers choose the names, so their number needs a limit.
MAX_SUBSCRIPTIONS = 100

#: Subscriptions that one purge removes: each is locked, and the server's table of locks is bounded.
MAX_PURGED = 1000

HELD_S = HELD.format(row="s")
#: With all its shards: when a subscription was last consumed, whether it never acknowledged, and whether it is held.
WHOLE = f"""
subscriptions s CROSS JOIN LATERAL (
    SELECT max(greatest(g.used_at, g.updated_at, g.held_until)) AS used,
           coalesce(bool_or({HELD.format(row="g")}), false) AS held,
           bool_and(g.acked_at IS NULL AND g.rows_acked = 0) AS untouched
    FROM subscriptions g
    WHERE g.domain = s.domain AND coalesce(g.consumer, g.name) = coalesce(s.consumer, s.name)) AS whole
"""
#: When it expires if it is not consumed; with %(retention)s = 0 never, once it has an acknowledgement. Shards expire
#: together: a single one would begin again elsewhere than the others.
EXPIRES = """
CASE WHEN whole.untouched THEN whole.used + make_interval(secs => %(unused)s)
     WHEN %(retention)s > 0 THEN whole.used + make_interval(secs => %(retention)s) END
"""
LIST = f"""
SELECT s.domain, coalesce(s.consumer, s.name), s.shard, s.shards, s.position, d.head, d.head - s.position, s.updated_at,
       CASE WHEN {HELD_S} THEN s.held_by END, CASE WHEN {HELD_S} THEN s.held_until END,
       CASE WHEN whole.held THEN NULL ELSE {EXPIRES} END,
       (SELECT count(*) FROM nacked_rows n JOIN log l ON l.domain = n.domain AND l.position = n.position
        WHERE n.domain = s.domain AND n.name = s.name AND n.due_at IS NULL AND l.superseded_by IS NULL), s.filter::json
FROM {WHOLE} JOIN domains d USING (domain)
WHERE %(domains)s::text[] IS NULL OR s.domain = ANY (%(domains)s::text[]) ORDER BY s.domain, 2, s.shard
"""
EXPIRED = f"""
SELECT DISTINCT s.domain, coalesce(s.consumer, s.name) FROM {WHOLE}
WHERE {EXPIRES} < now() AND NOT whole.held ORDER BY 1, 2 LIMIT {MAX_PURGED}
"""
#: A renewal takes no lock but this one.
LOCK_SHARDS = """
SELECT FROM subscriptions WHERE domain = %(domain)s AND coalesce(consumer, name) = %(name)s ORDER BY name FOR UPDATE
"""
#: Under the subscription's locks: a consumer that returned before them is seen here, and another one waits.
PURGE = f"""
DELETE FROM subscriptions gone USING (
    SELECT s.domain, s.name, whole.used FROM {WHOLE} WHERE {EXPIRES} < now() AND NOT whole.held
       AND s.domain = %(domain)s AND coalesce(s.consumer, s.name) = %(name)s) AS s
WHERE (gone.domain, gone.name) = (s.domain, s.name)
RETURNING gone.domain, gone.name, gone.position, s.used
"""
# The age of the oldest entry that a consumer has not acknowledged: of the first batch that ends after its position.
LAGS = f"""
SELECT s.domain, s.name, d.head - s.position, coalesce((
           SELECT extract(epoch FROM now() - committed_at) FROM log_batches b
           WHERE b.domain = s.domain AND b.first_position >= coalesce((
                     SELECT max(first_position) FROM log_batches
                     WHERE domain = s.domain AND first_position <= s.position + 1), 0)
             AND b.last_position > s.position
           ORDER BY b.first_position LIMIT 1), 0),
       {HELD_S}
FROM subscriptions s JOIN domains d USING (domain) ORDER BY 3 DESC LIMIT %s
"""
SEEK = """
UPDATE subscriptions s SET position = %s, epoch = d.epoch, generation = s.generation + 1, updated_at = now(),
    sent_marks = '{}'
FROM domains d WHERE d.domain = s.domain AND s.domain = %s AND coalesce(s.consumer, s.name) = %s
"""
HEAD = "SELECT head FROM domains WHERE domain = %s"
#: Its consumers, in whichever gateway, are notified and end.
DROP = """
DELETE FROM subscriptions WHERE domain = %s AND coalesce(consumer, name) = %s
RETURNING pg_notify('pcw_fence', domain || '/' || name)
"""
#: Where the rows committed since a time begin. `committed_at` is of before the commit, and batches are committed one
#: after another: the last batch within 100 ms before the time may have been committed after it.
BEFORE = """
SELECT min(first_position) - 1 FROM log_batches WHERE domain = %(domain)s AND committed_at >= coalesce((
    SELECT max(committed_at) FROM log_batches WHERE domain = %(domain)s
    AND committed_at < %(time)s AND committed_at > %(time)s::timestamptz - interval '100 ms'), %(time)s)
"""
NAMES = (
    *("domain", "name", "shard", "shards", "position", "head", "lag", "updated_at", "held_by", "held_until"),
    *("expires_at", "dead", "where"),
)


@dataclass(frozen=True, slots=True)
class Expired:
    """A removed subscription: its position, and when it was last consumed."""

    domain: str
    name: str
    position: int
    used_at: datetime


def list_subscriptions(
    cursor: Cursor, *, domains: Collection[str] | None = None, retention_s: float
) -> list[dict[str, Any]]:
    """Return every subscription, or those of some domains, with position, the domain's head and lag in positions.

    A subscription with shards has one entry for each of them, with the same name. ``where`` is its filter, as a request
    has it; null = none.
    ``held_by`` is its consumer's address, ``held_until`` the end of the lease unless it is renewed; both are null
    without a consumer. ``expires_at`` is when it is removed if it is not consumed; null = never. ``dead`` counts its
    dead letters.
    """
    names = None if domains is None else sorted(domains)
    cursor.execute(LIST, {"domains": names, "retention": retention_s, "unused": UNUSED_S})
    return [dict(zip(NAMES, map(_json, row), strict=True)) for row in cursor.fetchall()]


def subscription_lags(cursor: Cursor) -> list[tuple[Any, ...]]:
    """Return (domain, subscription, unacknowledged positions, age of the oldest of them in seconds, consumed now)."""
    cursor.execute(LAGS, (MAX_SUBSCRIPTIONS,))
    return list(cursor.fetchall())


def purge_subscriptions(cursor: Cursor, *, retention_s: float) -> list[Expired]:
    """Remove subscriptions not consumed for ``retention_s`` (0 = none), or for a day if they never acknowledged.

    One call removes a bounded number of them.
    """
    limits = {"retention": retention_s, "unused": UNUSED_S}
    cursor.execute(EXPIRED, limits)
    gone = list[Expired]()
    for domain, name in cursor.fetchall():
        lock_group(cursor, domain, name)
        one = {"domain": domain, "name": name}
        cursor.execute(LOCK_SHARDS, one)
        cursor.execute(PURGE, limits | one)
        gone += [Expired(*row) for row in cursor.fetchall()]
    return gone


def seek_subscription(cursor: Cursor, domain: str, name: str, target: StartPoint) -> int:
    """Let a subscription, with all its shards, continue at a start; return the position after which it continues.

    Raises:
        NotFound: If the domain has no subscription of this name.
        BeyondHead: If the position is after the log's head.
        LeaseHeld: If a consumer holds it: its acknowledgements would overwrite the position.
    """
    _check_storable(domain, name)
    members = read_group(cursor, domain, name)
    cursor.execute(HEAD, (domain,))
    (head,) = cursor.fetchone() or (0,)
    position = _position_of(cursor, domain, target, head)
    if position > head:
        raise BeyondHead(f"position {position} is after the head of the log of {domain}, {head}")
    check_free(cursor, domain, name, members)
    cursor.execute(SEEK, (position, domain, name))
    return position


def reshard_subscription(cursor: Cursor, domain: str, name: str, shards: int) -> int:
    """Change the number of shards of a subscription, all after the position of the slowest; return that position.

    Raises:
        NotFound: If the domain has no subscription of this name.
        InvalidRequest: If the number is not within 1 to 128.
        LeaseHeld: If a consumer holds a shard of it.
    """
    _check_storable(domain, name)
    if not 1 <= shards <= MAX_SHARDS:
        raise InvalidRequest(f"{shards} shards are not within 1 to {MAX_SHARDS}")
    return reshard(cursor, domain, name, shards)


def _position_of(cursor: Cursor, domain: str, target: StartPoint, head: int) -> int:
    match target:
        case "now":
            return head
        case int():
            return target
    cursor.execute(BEFORE, {"domain": domain, "time": target})
    (position,) = cursor.fetchone() or (None,)
    return head if position is None else int(position)


def _check_storable(domain: str, name: str) -> None:
    if not (is_storable(domain) and is_storable(name)):
        raise NotFound(f"no domain or subscription has such a name: {domain!r}, {name!r}")


def _json(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def drop_subscription(cursor: Cursor, domain: str, name: str) -> None:
    """Remove a subscription with its shards and nacked rows, and end the calls of its consumers.

    Raises:
        NotFound: If the domain has no subscription of this name.
    """
    _check_storable(domain, name)
    members = read_group(cursor, domain, name)
    cursor.execute(DROP, (domain, name))
    for member in members:
        drop_nacked_of(cursor, domain, member.name)


def check_subscription(cursor: Cursor, domain: str, name: str) -> None:
    """Raise NotFound if the domain has no subscription of this name."""
    _check_storable(domain, name)
    read_group(cursor, domain, name)
