"""The shards and the filter of a subscription: what its consumers agree on, and when that may change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pc_worker.errors import BeyondHead, LeaseHeld, NotFound, QuotaExceeded, SubscriptionDiffers
from pc_worker.model.shard import WHOLE, Shard
from pc_worker.store.db.connection import Cursor
from pc_worker.store.log.numbered_parameters import numbered
from pc_worker.store.log.subset import SHARD_OF

#: Seconds after its last renewal at which a lease expires.
LEASE_S = 30
#: Whether a consumer holds the subscription. A lease that ends later than any can is of before the clock was set back.
HELD = (
    f"coalesce({{row}}.held_until > now() AND {{row}}.held_until <= clock_timestamp() + interval '{LEASE_S} s', false)"
)
#: One caller at a time decides about a subscription, also while it does not exist yet.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('subscription:' || %(domain)s || '/' || %(name)s, 0))"
MEMBERS = f"""
SELECT name, shard, shards, position, generation, {HELD.format(row="s")} AS held, filter, filter_from
FROM subscriptions s WHERE domain = %(domain)s AND coalesce(consumer, name) = %(name)s ORDER BY shard
"""
COUNT = "SELECT count(*) FROM subscriptions WHERE domain = %(domain)s"
HEAD = "SELECT head FROM domains WHERE domain = %(domain)s"
#: Of a row that consumers of several shards have nacked, as former gateways allowed, one nack stays.
DROP_DOUBLE = """
DELETE FROM nacked_rows n USING nacked_rows other
WHERE n.domain = %(domain)s AND other.domain = n.domain AND other.row_id = n.row_id
  AND (other.position, other.name) > (n.position, n.name)
  AND ARRAY[n.name, other.name] <@ ARRAY(
      SELECT name FROM subscriptions WHERE domain = %(domain)s AND coalesce(consumer, name) = %(name)s)
"""
#: Nacked rows go with their shard. Those of another filter go: every row is sent again.
MOVE_NACKED = f"""
UPDATE nacked_rows n
SET name = CASE WHEN %(count)s = 1 THEN %(name)s ELSE %(name)s || '/' || {SHARD_OF.format(row="n")} END
WHERE n.domain = %(domain)s AND n.name IN (
    SELECT name FROM subscriptions WHERE domain = %(domain)s AND coalesce(consumer, name) = %(name)s)
"""
DROP_NACKED = """
DELETE FROM nacked_rows n WHERE n.domain = %(domain)s AND n.name IN (
    SELECT name FROM subscriptions WHERE domain = %(domain)s AND coalesce(consumer, name) = %(name)s)
"""
#: Consumers of before, in whichever gateway, are notified and end.
REMOVE = """
DELETE FROM subscriptions WHERE domain = %(domain)s AND coalesce(consumer, name) = %(name)s
RETURNING pg_notify('pcw_fence', domain || '/' || name)
"""
#: The first generation is the time in microseconds: no consumer of a dropped subscription has one of the next one.
CREATE = """
INSERT INTO subscriptions (domain, name, consumer, shard, shards, position, epoch, generation, filter, filter_from,
                           rows_acked, acked_at)
SELECT d.domain, CASE WHEN %(count)s = 1 THEN %(name)s ELSE %(name)s || '/' || shard END,
       CASE WHEN %(count)s > 1 THEN %(name)s END, shard, %(count)s, %(position)s, d.epoch,
       coalesce(%(generation)s::bigint, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint), %(filter)s::text,
       %(filter_from)s, 0, CASE WHEN %(acked)s THEN now() END
FROM domains d, generate_series(0, %(count)s::integer - 1) AS shard WHERE d.domain = %(domain)s
"""


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A shard of a subscription as it is stored; ``filter`` as JSON text."""

    name: str
    shard: int
    shards: int
    position: int
    generation: int
    held: bool
    filter: str | None
    filter_from: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerRequest:
    """What a consumer asks for.

    Attributes:
        domain: The domain.
        name: The subscription's name.
        shard: Its shard.
        filter: Its filter as JSON text.
        after: The position that the subscription must continue after; None = its own.
        first: Where it starts if it is new.
        head: The log's last position.
    """

    domain: str
    name: str
    shard: Shard = WHOLE
    filter: str | None = None
    after: int | None = None
    first: int = 0
    head: int = 0

    @property
    def key(self) -> str:
        """The name of the row that holds this shard's position."""
        return self.name if self.shard.count == 1 else f"{self.name}/{self.shard.index}"


@dataclass(frozen=True, slots=True)
class NewGroup:
    """The shards that replace those of before, all at one position; a new subscription has no ``generation``."""

    shards: int
    position: int
    generation: int | None
    filter: str | None
    filter_from: int


def regrouped(members: Sequence[GroupMember], wanted: ConsumerRequest) -> NewGroup | None:
    """Return the group that a consumer's request makes; None if it is as it is.

    Raises:
        BeyondHead: If a new subscription starts after the log's end.
        SubscriptionDiffers: If the subscription has other shards or another filter, and cannot change now.
    """
    count = wanted.shard.count
    if not members:
        start = wanted.first if wanted.after is None else wanted.after
        if start > wanted.head:
            raise BeyondHead(f"position {start} is after the head of the log of {wanted.domain}, {wanted.head}")
        return NewGroup(count, start, None, wanted.filter, 0)
    now = members[0]
    if (now.shards, now.filter) == (count, wanted.filter):
        return None
    what = f"subscription {wanted.name} of {wanted.domain}"
    if any(member.held for member in members):
        raise SubscriptionDiffers(
            f"{what} is consumed with {_shown(now)}, not {_asked(wanted)}: stop its consumers first"
        )
    positions = {member.position for member in members}
    if now.filter != wanted.filter:
        if (positions if wanted.after is None else {wanted.after}) != {0}:
            raise SubscriptionDiffers(
                f"{what} has {_shown(now)}, not {_asked(wanted)}: rows before its position would be missing; seek it to"
                " the beginning, or use another name"
            )
        return NewGroup(count, 0, _newest(members), wanted.filter, wanted.head)
    if len(positions) > 1:
        raise SubscriptionDiffers(
            f"{what} has {_shown(now)} at positions {min(positions)} to {max(positions)}, not {_asked(wanted)}:"
            f" `subscriptions reshard` makes all continue after {min(positions)}"
        )
    return NewGroup(count, positions.pop(), _newest(members), now.filter, now.filter_from)


def _newest(members: Sequence[GroupMember]) -> int:
    # A consumer of before is fenced: each later lease has a greater generation.
    return max(member.generation for member in members) + 1


def _shown(member: GroupMember) -> str:
    return _described(member.shards, member.filter)


def _asked(wanted: ConsumerRequest) -> str:
    return _described(wanted.shard.count, wanted.filter)


def _described(shards: int, text: str | None) -> str:
    which = "no filter" if text is None else f"the filter {text[:200]}"
    return f"{shards} shard{'s' * (shards > 1)} and {which}"


async def join_group(connection: Any, wanted: ConsumerRequest, *, most: int) -> tuple[bool, int]:
    """Make the subscription's shards as a consumer asks, in a transaction.

    Returns whether the subscription is new, and the filter's ``filter_from``.

    Raises:
        SubscriptionDiffers: If they cannot change now.
        QuotaExceeded: If the domain would have more than ``most`` subscriptions and shards.
    """
    values: dict[str, object] = {"domain": wanted.domain, "name": wanted.name}
    await _fetch(connection, LOCK, values)
    members = [GroupMember(*record.values()) for record in await _fetch(connection, MEMBERS, values)]
    group = regrouped(members, wanted)
    if group is None:
        return False, members[0].filter_from
    others = (await _fetch(connection, COUNT, values))[0][0] - len(members)
    if others + group.shards > most and group.shards > len(members):
        raise QuotaExceeded(
            f"domain {wanted.domain} has {others} subscriptions of {most} that it may have, shards counted: drop one"
            " that is not needed (`subscriptions list`, `subscriptions drop`), or raise PC_WORKER_MAX_SUBSCRIPTIONS"
        )
    same_filter = not members or members[0].filter == group.filter
    if not same_filter:
        # Consumers of before may have rows that were committed after the caller read the head.
        head = (await _fetch(connection, HEAD, values))[0][0]
        group = replace(group, filter_from=max(group.filter_from, head))
    creation = _creation(wanted.domain, wanted.name, group, members)
    for statement in (*((DROP_DOUBLE, MOVE_NACKED) if same_filter else (DROP_NACKED,)), REMOVE, CREATE):
        await _fetch(connection, statement, creation)
    return not members, group.filter_from


async def _fetch(connection: Any, sql: str, values: dict[str, object]) -> list[Any]:
    statement, parameters = numbered(sql, values)
    found: list[Any] = await connection.fetch(statement, *parameters)
    return found


def _creation(domain: str, name: str, group: NewGroup, before: Sequence[GroupMember]) -> dict[str, object]:
    return {
        "domain": domain,
        "name": name,
        "count": group.shards,
        "position": group.position,
        "generation": group.generation,
        "filter": group.filter,
        "filter_from": group.filter_from,
        "acked": any(member.position for member in before),
    }


def lock_group(cursor: Cursor, domain: str, name: str) -> None:
    """Lock a subscription with its shards for the transaction; it need not exist."""
    cursor.execute(LOCK, {"domain": domain, "name": name})


def read_group(cursor: Cursor, domain: str, name: str) -> list[GroupMember]:
    """Lock a subscription for the transaction, and return its shards.

    Raises:
        NotFound: If the domain has no subscription of this name.
    """
    lock_group(cursor, domain, name)
    cursor.execute(MEMBERS, {"domain": domain, "name": name})
    members = [GroupMember(*row) for row in cursor.fetchall()]
    if not members:
        raise NotFound(f"domain {domain[:80]} has no subscription {name[:200]!r}; `subscriptions list` shows them")
    return members


def reshard(cursor: Cursor, domain: str, name: str, shards: int) -> int:
    """Change the number of shards of a subscription, all after the position of the slowest; return the position.

    Raises:
        NotFound: If the domain has no subscription of this name.
        LeaseHeld: If a consumer holds a shard of it.
    """
    members = read_group(cursor, domain, name)
    check_free(cursor, domain, name, members)
    position = min(member.position for member in members)
    now = members[0]
    group = NewGroup(shards, position, _newest(members), now.filter, now.filter_from)
    for statement in (DROP_DOUBLE, MOVE_NACKED, REMOVE, CREATE):
        cursor.execute(statement, _creation(domain, name, group, members))
    return position


def check_free(cursor: Cursor, domain: str, name: str, members: Sequence[GroupMember]) -> None:
    """Check that no client consumes a subscription.

    Raises:
        LeaseHeld: If a consumer holds a shard of it: its acknowledgements would overwrite the position.
    """
    held = [member.name for member in members if member.held]
    if held:
        cursor.execute("SELECT held_by FROM subscriptions WHERE domain = %s AND name = %s", (domain, held[0]))
        (holder,) = cursor.fetchone() or (None,)
        raise LeaseHeld(f"subscription {held[0]} of {domain} is held by {holder}: stop that consumer first")
