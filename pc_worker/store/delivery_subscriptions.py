"""Named consumers, for the gateway: taking a subscription over, keeping its position, giving it back."""

from __future__ import annotations

from dataclasses import dataclass

from pc_worker.errors import Fenced
from pc_worker.store.delivery import Delivery

#: A consumer that has not renewed its hold for so long is taken for dead.
HOLD_S = 30

#: Of $1, $2; starts after $3 if given; only if nobody holds it when $4. Its generation fences the consumer before, who
#: hears of it at once, in whichever gateway it is.
CLAIM = """
INSERT INTO subscriptions AS s (domain, name, position, epoch, generation, held_until, held_by)
SELECT d.domain, $2, coalesce($3::bigint, 0), d.epoch, 1, now() + make_interval(secs => $5), $6
FROM domains d WHERE d.domain = $1
ON CONFLICT (domain, name) DO UPDATE SET
    position = coalesce($3::bigint, s.position), epoch = excluded.epoch, generation = s.generation + 1,
    held_until = excluded.held_until, held_by = excluded.held_by, updated_at = now()
WHERE NOT $4 OR s.held_until IS NULL OR s.held_until < now()
RETURNING generation, position, pg_notify('pcw_fence', domain || '/' || name)
"""
KEEP = """
UPDATE subscriptions SET position = greatest(position, $4), rows_acked = rows_acked + $5,
    held_until = now() + make_interval(secs => $6), updated_at = CASE WHEN $4 > position THEN now() ELSE updated_at END
WHERE domain = $1 AND name = $2 AND generation = $3
RETURNING position
"""
RELEASE = """
UPDATE subscriptions SET held_until = NULL, held_by = NULL WHERE domain = $1 AND name = $2 AND generation = $3
"""


@dataclass(frozen=True, slots=True)
class Hold:
    """The right to consume a subscription, until a newer generation takes it."""

    domain: str
    name: str
    generation: int
    position: int


class Subscriptions:
    """The checkpoints of consumers; every method raises Unavailable when the database is away."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    async def claim(self, domain: str, name: str, *, after: int | None, only_free: bool, holder: str) -> Hold | None:
        """Take a subscription, made if new, and end the consumer before; ``after`` moves its position.

        None = it is held and ``only_free`` was asked for, or the domain has no log yet.
        """
        async with self._delivery.connection() as connection:
            record = await connection.fetchrow(CLAIM, domain, name, after, only_free, HOLD_S, holder)
        return None if record is None else Hold(domain, name, record["generation"], record["position"])

    async def keep(self, hold: Hold, *, position: int, rows: int) -> None:
        """Store ``position`` if it is beyond the stored one, count ``rows`` as acknowledged, and renew the hold.

        Raises:
            Fenced: If another consumer has it now, or it was dropped.
        """
        async with self._delivery.connection() as connection:
            kept = await connection.fetchval(KEEP, hold.domain, hold.name, hold.generation, position, rows, HOLD_S)
        if kept is None:
            raise Fenced(f"subscription {hold.name} of {hold.domain} was taken over by another consumer, or dropped")

    async def release(self, hold: Hold) -> None:
        """Give it back, so that the next consumer need not wait; without effect if somebody has it already."""
        async with self._delivery.connection() as connection:
            await connection.execute(RELEASE, hold.domain, hold.name, hold.generation)
