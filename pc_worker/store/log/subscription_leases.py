"""Named consumers, for the gateway: taking a subscription over, keeping its position, giving it back."""

from __future__ import annotations

from dataclasses import dataclass

from pc_worker.errors import Fenced, LeaseHeld, QuotaExceeded
from pc_worker.store.log.read import Delivery

#: A consumer that has not renewed its hold for so long is taken for dead.
LEASE_S = 30

#: Of $1, $2; starts after $3 if given; only if nobody holds it when $4; a new one only beside fewer than $7. Its
#: generation fences the consumer before, who hears of it at once, in whichever gateway it is.
ACQUIRE = """
INSERT INTO subscriptions AS s (domain, name, position, epoch, generation, held_until, held_by)
SELECT d.domain, $2, coalesce($3::bigint, 0), d.epoch, 1, now() + make_interval(secs => $5), $6
FROM domains d WHERE d.domain = $1
  AND (EXISTS (SELECT FROM subscriptions WHERE domain = $1 AND name = $2)
       OR (SELECT count(*) FROM subscriptions WHERE domain = $1) < $7)
ON CONFLICT (domain, name) DO UPDATE SET
    position = coalesce($3::bigint, s.position), epoch = excluded.epoch, generation = s.generation + 1,
    held_until = excluded.held_until, held_by = excluded.held_by, updated_at = now(), used_at = now()
WHERE NOT $4 OR s.held_until IS NULL OR s.held_until < now()
RETURNING generation, position, pg_notify('pcw_fence', domain || '/' || name)
"""
#: Why no lease was acquired: held by another, else too many.
EXISTS = "SELECT EXISTS (SELECT FROM subscriptions WHERE domain = $1 AND name = $2)"
KEEP = """
UPDATE subscriptions SET position = greatest(position, $4), rows_acked = rows_acked + $5,
    held_until = now() + make_interval(secs => $6), updated_at = CASE WHEN $4 > position THEN now() ELSE updated_at END,
    acked_at = CASE WHEN $4 > position THEN now() ELSE acked_at END
WHERE domain = $1 AND name = $2 AND generation = $3
RETURNING position
"""
RELEASE = """
UPDATE subscriptions SET held_until = NULL, held_by = NULL, used_at = now()
WHERE domain = $1 AND name = $2 AND generation = $3
"""


@dataclass(frozen=True, slots=True)
class SubscriptionLease:
    """The right to consume a subscription, until a newer generation takes it."""

    domain: str
    name: str
    generation: int
    position: int


class Subscriptions:
    """The checkpoints of consumers; every method raises Unavailable when the database is away."""

    def __init__(self, delivery: Delivery, *, most: int) -> None:
        self._delivery, self._most = delivery, most

    async def acquire(
        self, domain: str, name: str, *, after: int | None, only_free: bool, holder: str
    ) -> SubscriptionLease:
        """Take a subscription, made if new, and end the consumer before; ``after`` moves its position.

        Raises:
            LeaseHeld: If it is held and ``only_free`` was asked for.
            QuotaExceeded: If it is new, and the domain has as many as it may have.
        """
        async with self._delivery.connection() as connection:
            record = await connection.fetchrow(ACQUIRE, domain, name, after, only_free, LEASE_S, holder, self._most)
            known = record is not None or await connection.fetchval(EXISTS, domain, name)
        if record is not None:
            return SubscriptionLease(domain, name, record["generation"], record["position"])
        if known:
            raise LeaseHeld(f"subscription {name} of {domain} is held by another consumer")
        raise QuotaExceeded(
            f"domain {domain} has {self._most} subscriptions, as many as it may: drop one that is not needed"
            " (`subscriptions list`, `subscriptions drop`), or raise PC_WORKER_MAX_SUBSCRIPTIONS"
        )

    async def renew(self, hold: SubscriptionLease, *, position: int, rows: int) -> None:
        """Store ``position`` if it is beyond the stored one, count ``rows`` as acknowledged, and renew the hold.

        Raises:
            Fenced: If another consumer has it now, or it was dropped.
        """
        async with self._delivery.connection() as connection:
            kept = await connection.fetchval(KEEP, hold.domain, hold.name, hold.generation, position, rows, LEASE_S)
        if kept is None:
            raise Fenced(f"subscription {hold.name} of {hold.domain} was taken over by another consumer, or dropped")

    async def release(self, hold: SubscriptionLease) -> None:
        """Give it back, so that the next consumer need not wait; without effect if somebody has it already."""
        async with self._delivery.connection() as connection:
            await connection.execute(RELEASE, hold.domain, hold.name, hold.generation)
