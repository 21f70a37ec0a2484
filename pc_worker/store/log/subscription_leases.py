"""Leases of subscriptions, for the gateway: acquire, store the position and renew, release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pc_worker.errors import Fenced, LeaseHeld, QuotaExceeded, SubscriptionDropped
from pc_worker.store.log.nacks import NackAnswers, store_answers
from pc_worker.store.log.read import Delivery
from pc_worker.store.log.subscription_groups import HELD, LEASE_S, ConsumerRequest, join_group

#: Marks of deliveries that are kept.
MAX_MARKS = 32

#: Acquire $1/$2; start after position $3 if given; if $4, only while no consumer holds it; create it only if the domain
#: has fewer than $7. The new generation fences the previous consumer, which is notified at once in any gateway. The
#: first one is the time in microseconds: no consumer of a dropped subscription has a generation of the next one.
ACQUIRE = f"""
INSERT INTO subscriptions AS s (domain, name, position, epoch, generation, held_until, held_by)
SELECT d.domain, $2, coalesce($3::bigint, 0), d.epoch, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
    now() + make_interval(secs => $5), $6
FROM domains d WHERE d.domain = $1
  AND (EXISTS (SELECT FROM subscriptions WHERE domain = $1 AND name = $2)
       OR (SELECT count(*) FROM subscriptions WHERE domain = $1) < $7)
ON CONFLICT (domain, name) DO UPDATE SET
    position = coalesce($3::bigint, s.position), epoch = excluded.epoch, generation = s.generation + 1,
    held_until = excluded.held_until, held_by = excluded.held_by, updated_at = now(), used_at = now(),
    sent_marks = CASE WHEN $3::bigint < s.position THEN '{{}}' ELSE ARRAY(
        SELECT mark FROM unnest(s.sent_marks) AS mark WHERE mark > coalesce($3, s.position)) END
WHERE NOT $4 OR NOT {HELD.format(row="s")}
RETURNING generation, position, sent_marks, pg_notify('pcw_fence', domain || '/' || name)
"""
FILTER = "SELECT filter FROM subscriptions WHERE domain = $1 AND coalesce(consumer, name) = $2 LIMIT 1"
#: Whether the subscription exists: then another consumer holds it. Otherwise it was dropped, or there are too many.
EXISTS = "SELECT EXISTS (SELECT FROM subscriptions WHERE domain = $1 AND name = $2)"
RENEW = """
UPDATE subscriptions SET position = greatest(position, $4), rows_acked = rows_acked + $5,
    held_until = now() + make_interval(secs => $6), updated_at = CASE WHEN $4 > position THEN now() ELSE updated_at END,
    acked_at = CASE WHEN $4 > position THEN now() ELSE acked_at END
WHERE domain = $1 AND name = $2 AND generation = $3
RETURNING position
"""
#: With $4, how far a call had sent that broke off: the newest $5 of these marks are kept.
RELEASE = """
UPDATE subscriptions SET held_until = NULL, held_by = NULL, used_at = now(),
    sent_marks = CASE WHEN $4::bigint IS NULL THEN sent_marks
                      ELSE (sent_marks || $4::bigint)[greatest(cardinality(sent_marks) + 2 - $5, 1):] END
WHERE domain = $1 AND name = $2 AND generation = $3
"""


@dataclass(frozen=True, slots=True)
class SubscriptionLease:
    """The right to consume a subscription or one shard of it, until a newer generation acquires it.

    ``marks``: how far earlier calls had sent that broke off; those after ``position`` only. ``filter_from``: up to this
    position, consumers may have rows that the subscription's filter excludes.
    """

    domain: str
    name: str
    generation: int
    position: int
    created: bool = False
    marks: tuple[int, ...] = ()
    filter_from: int = 0

    def deliveries(self, position: int) -> int:
        """Return how often the row at this position has been delivered, with this time."""
        return 1 + sum(mark >= position for mark in self.marks)


class Subscriptions:
    """The subscriptions of all domains; every method raises Unavailable if the database does not answer."""

    def __init__(self, delivery: Delivery, *, most: int) -> None:
        self._delivery, self._most = delivery, most

    async def filter_of(self, domain: str, name: str) -> str | None:
        """Return the filter of a subscription as JSON text; None if it has none, or does not exist."""
        async with self._delivery.connection() as connection:
            found: str | None = await connection.fetchval(FILTER, domain, name)
        return found

    async def acquire(self, wanted: ConsumerRequest, *, only_free: bool, holder: str) -> SubscriptionLease:
        """Acquire a subscription's shard, create it if it is new, and fence its previous consumer.

        Raises:
            SubscriptionDiffers: If the subscription has other shards or another filter.
            LeaseHeld: If another consumer holds it and ``only_free`` is set.
            QuotaExceeded: If it is new and the domain has the most subscriptions allowed.
        """
        domain, name = wanted.domain, wanted.key
        async with self._delivery.connection() as connection, connection.transaction():
            created, filter_from = await join_group(connection, wanted, most=self._most)
            record = await connection.fetchrow(
                ACQUIRE, domain, name, wanted.after, only_free, LEASE_S, holder, self._most
            )
            known = record is not None or await connection.fetchval(EXISTS, domain, name)
        if record is not None:
            marks = tuple(record["sent_marks"])
            return SubscriptionLease(
                domain, name, record["generation"], record["position"], created, marks, filter_from
            )
        if known:
            raise LeaseHeld(f"subscription {name} of {domain} is held by another consumer")
        raise QuotaExceeded(
            f"domain {domain} has {self._most} subscriptions, as many as it may: drop one that is not needed"
            " (`subscriptions list`, `subscriptions drop`), or raise PC_WORKER_MAX_SUBSCRIPTIONS"
        )

    async def renew(
        self, lease: SubscriptionLease, *, position: int, rows: int, answers: NackAnswers | None = None
    ) -> None:
        """Store ``position`` if it is after the stored one, count ``rows`` as acknowledged, and renew the lease.

        In the same transaction store ``answers``: the position never passes a nacked row that is not stored as such.

        Raises:
            SubscriptionDropped: If it was removed.
            Fenced: If another consumer holds it now.
            InvalidRequest: If a nack is of a deletion, or of a row that is not the consumer's.
            QuotaExceeded: If the subscription has too many nacked rows.
        """
        async with self._delivery.connection() as connection:
            if answers is None:
                await _renew(connection, lease, position, rows)
                return
            async with connection.transaction():
                await _renew(connection, lease, position, rows)
                await store_answers(connection, lease.domain, lease.name, answers)

    async def release(self, lease: SubscriptionLease, *, sent: int | None = None) -> None:
        """Release the lease, so that the next consumer need not wait; no effect if another consumer holds it.

        ``sent``: how far a call had sent that broke off; its unacknowledged rows count as delivered.
        """
        async with self._delivery.connection() as connection:
            await connection.execute(RELEASE, lease.domain, lease.name, lease.generation, sent, MAX_MARKS)


async def _renew(connection: Any, lease: SubscriptionLease, position: int, rows: int) -> None:
    domain, name = lease.domain, lease.name
    if await connection.fetchval(RENEW, domain, name, lease.generation, position, rows, LEASE_S) is not None:
        return
    if await connection.fetchval(EXISTS, domain, name):
        raise Fenced(f"subscription {name} of {domain} was taken over by another consumer")
    raise SubscriptionDropped(f"subscription {name} of {domain} was dropped")
