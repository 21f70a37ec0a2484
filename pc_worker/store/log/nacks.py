"""Nacked rows as the gateway handles them: store, find the next due one, count its delivery."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pc_worker.errors import InvalidRequest, QuotaExceeded
from pc_worker.store.log.read import Delivery, LoggedRows
from pc_worker.store.log.subset import NOT_A_ROW, SubsetQuery

#: Nacked rows of one subscription: beyond them the consumer is at fault, not its rows.
MAX_NACKED = 10_000
#: Characters of a reason.
MAX_REASON = 500
#: Seconds of the longest delay between two deliveries, unless the first one is longer.
LONGEST_DELAY_S = 300.0
#: Seconds of the longest first delay that a client may ask for; and those after which no row is due in order.
LONGEST_FIRST_DELAY_S = 3600.0
FARTHEST_S = LONGEST_FIRST_DELAY_S + 60.0
#: Later than every position: a row that has a newer version anywhere is not redelivered.
NEVER = 2**62

#: A nacked row's deliveries, when its nack is stored: a repeated nack counts nothing twice.
COUNTED = """
    greatest(excluded.deliveries, CASE WHEN n.position = excluded.position THEN n.deliveries ELSE 0 END)"""


def _delay(deliveries: str, first: str, longest: str) -> str:
    seconds = f"least({first} * 2.0 ^ least({deliveries} - 1, 30), greatest({first}, {longest}))"
    return f"make_interval(secs => {seconds})"


#: Only of entries that are their rows' newest. The lock waits for transactions that write or delete such a row.
STORE = f"""
INSERT INTO nacked_rows AS n (domain, name, row_id, position, deliveries, reason, due_at)
SELECT $1, $2, l.row_id, l.position, k.deliveries, k.reason,
       CASE WHEN k.deliveries < $6 THEN now() + {_delay("k.deliveries", "$7::float8", "$8::float8")} END
FROM unnest($3::bigint[], $4::text[], $5::int[]) AS k (position, reason, deliveries)
JOIN log l ON l.domain = $1 AND l.position = k.position
WHERE l.superseded_by IS NULL AND l.kind = 0
FOR SHARE OF l
ON CONFLICT (domain, name, row_id) DO UPDATE SET
    position = excluded.position, reason = excluded.reason, nacked_at = now(), deliveries = {COUNTED},
    due_at = CASE WHEN {COUNTED} < $6 THEN now() + {_delay(COUNTED, "$7::float8", "$8::float8")} END
"""
NOT_A_ROW_OF_ALL = NOT_A_ROW.format(shard="true", where="true")
COUNT = "SELECT count(*) FROM nacked_rows WHERE domain = $1 AND name = $2"
REMOVE = "DELETE FROM nacked_rows WHERE domain = $1 AND name = $2 AND position = ANY ($3::bigint[])"
#: A row that is due later than after the longest delay was nacked before the clock was set back: it is due.
NEXT = """
SELECT position, deliveries, CASE WHEN due_in_s > $4::float8 THEN 0 ELSE due_in_s END FROM (
    SELECT position, deliveries, extract(epoch FROM due_at - now())::float8 AS due_in_s FROM nacked_rows
    WHERE domain = $1 AND name = $2 AND due_at IS NOT NULL AND position <> ALL ($3::bigint[])) AS waiting
ORDER BY 3 LIMIT 1
"""
#: Count a delivery before it is sent; only for the present holder of the lease, and only if nothing changed since NEXT.
TAKE_DELIVERY = f"""
UPDATE nacked_rows n SET deliveries = n.deliveries + 1,
    due_at = now() + {_delay("(n.deliveries + 1)", "$6::float8", "$7::float8")}
FROM subscriptions s
WHERE n.domain = $1 AND n.name = $2 AND n.position = $3 AND n.deliveries = $4 AND n.due_at IS NOT NULL
  AND s.domain = $1 AND s.name = $2 AND s.generation = $5
  AND EXISTS (SELECT FROM log l WHERE l.domain = $1 AND l.position = $3 AND l.superseded_by IS NULL)
RETURNING n.deliveries
"""
RETURN = """
UPDATE nacked_rows n SET deliveries = greatest(n.deliveries - 1, 0), due_at = now()
FROM subscriptions s
WHERE n.domain = $1 AND n.name = $2 AND n.position = ANY ($3::bigint[]) AND n.due_at IS NOT NULL
  AND s.domain = $1 AND s.name = $2 AND s.generation = $4
"""
GIVE_UP = """
UPDATE nacked_rows SET due_at = NULL,
    reason = left('delivered ' || deliveries || ' times, the last time without an answer; before: ' || reason, $4)
WHERE domain = $1 AND name = $2 AND position = $3 AND due_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeliveryRules:
    """After how many deliveries a nacked row is a dead letter, and the seconds before its second delivery."""

    max_deliveries: int
    first_delay_s: float


@dataclass(frozen=True, slots=True)
class Nack:
    """A row that a consumer could not store, by its position in the log; deliveries with the present one."""

    position: int
    reason: str
    deliveries: int


@dataclass(frozen=True, slots=True)
class NackAnswers:
    """What a consumer answered about single rows: nacks, and the positions of redelivered rows that it stored.

    ``subset``: its part of the log; None = all of it.
    """

    nacks: Sequence[Nack]
    stored: Sequence[int]
    rules: RedeliveryRules
    subset: SubsetQuery | None = None


@dataclass(frozen=True, slots=True)
class DueRow:
    """The nacked row that is due next, in ``due_in_s`` seconds; past deliveries only."""

    position: int
    deliveries: int
    due_in_s: float


async def store_answers(connection: Any, domain: str, name: str, answers: NackAnswers) -> None:
    """Store nacks, and forget nacked rows that are stored now; part of a transaction that holds the subscription.

    Raises:
        InvalidRequest: If a nack is of a deletion, or of a row that is not the consumer's.
        QuotaExceeded: If the subscription has too many nacked rows.
    """
    nacks, rules = answers.nacks, answers.rules
    if answers.stored:
        await connection.execute(REMOVE, domain, name, list(answers.stored))
    if not nacks:
        return
    await _check_rows(connection, domain, [nack.position for nack in nacks], answers.subset)
    columns = [nack.position for nack in nacks], [nack.reason for nack in nacks], [nack.deliveries for nack in nacks]
    delays = float(rules.first_delay_s), LONGEST_DELAY_S
    await connection.execute(STORE, domain, name, *columns, rules.max_deliveries, *delays)
    if await connection.fetchval(COUNT, domain, name) > MAX_NACKED:
        raise QuotaExceeded(
            f"subscription {name} of {domain} has more than {MAX_NACKED:,} nacked rows: fix the consumer, then retry"
            " or drop them (`subscriptions dead`)"
        )


async def _check_rows(connection: Any, domain: str, positions: Sequence[int], subset: SubsetQuery | None) -> None:
    # A nack that is confirmed and not stored, or stored and redelivered as another kind, would leave the table wrong.
    statement = NOT_A_ROW_OF_ALL if subset is None else subset.not_a_row
    parameters: Sequence[object] = () if subset is None else subset.not_a_row_parameters
    position = await connection.fetchval(statement, domain, positions, *parameters)
    if position is not None:
        raise InvalidRequest(
            f"position {position} of {domain} cannot be nacked: it is that of a deletion, or of a row of another filter"
            " or shard; only rows can be nacked"
        )


class NackedRows:
    """The nacked rows of one subscription; every method raises Unavailable if the database does not answer.

    ``subset``: its part of the log; None = all of it.
    """

    def __init__(self, delivery: Delivery, domain: str, name: str, subset: SubsetQuery | None = None) -> None:
        self._delivery, self._domain, self._name, self._subset = delivery, domain, name, subset

    async def next_due(self, *, exclude: Collection[int]) -> DueRow | None:
        """Return the row that is due next, even if only later; None if none waits. Not one at these positions."""
        async with self._delivery.connection() as connection:
            found = await connection.fetchrow(NEXT, self._domain, self._name, list(exclude), FARTHEST_S)
        return None if found is None else DueRow(*found.values())

    async def read(self, position: int, max_bytes: int) -> LoggedRows | None:
        """Return the row at a position as it is now; None if it changed, was deleted, or is of another part.

        A row that the filter excludes is returned as a tombstone.
        """
        return await self._delivery.rows(
            self._domain,
            after=position - 1,
            upto=position,
            head=NEVER,
            max_rows=1,
            max_bytes=max_bytes,
            subset=self._subset,
        )

    async def take_delivery(self, due: DueRow, *, generation: int, rules: RedeliveryRules) -> bool:
        """Count a delivery; return False if it must not be sent: the row changed, or the lease has another holder."""
        delays = float(rules.first_delay_s), LONGEST_DELAY_S
        async with self._delivery.connection() as connection:
            taken = await connection.fetchval(
                TAKE_DELIVERY, self._domain, self._name, due.position, due.deliveries, generation, *delays
            )
        return taken is not None

    async def return_unread(self, positions: Collection[int], *, generation: int) -> None:
        """Do not count the last delivery of these rows: the consumer left before it read them."""
        async with self._delivery.connection() as connection:
            await connection.execute(RETURN, self._domain, self._name, list(positions), generation)

    async def give_up(self, position: int) -> None:
        """Make a row a dead letter whose last delivery was never answered."""
        async with self._delivery.connection() as connection:
            await connection.execute(GIVE_UP, self._domain, self._name, position, MAX_REASON)

    async def remove(self, position: int) -> None:
        """Remove a row that has a newer version."""
        async with self._delivery.connection() as connection:
            await connection.execute(REMOVE, self._domain, self._name, [position])
