"""What the gateway reads when a consumer opens its stream: where a time lies, and the fields of its filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pc_worker.model.filter import Filter, conditions
from pc_worker.store.log.numbered_parameters import numbered
from pc_worker.store.log.read import Delivery
from pc_worker.store.log.subscriptions import BEFORE
from pc_worker.store.search.filters.payload_fields import MAX_FIELDS, any_paths, uncollected_paths

KNOWN = """
SELECT field, array_agg(path ORDER BY path) FROM payload_fields
WHERE domain = $1 AND field = ANY ($2::text[]) GROUP BY field
"""
NAMES = "SELECT DISTINCT field FROM payload_fields WHERE domain = $1 ORDER BY field LIMIT $2"


async def position_before(delivery: Delivery, domain: str, time: datetime) -> int | None:
    """Return the position after which the rows begin that were committed since ``time``; None = there are none.

    Rows that were committed shortly before it may be among them.
    """
    statement, parameters = numbered(BEFORE, {"domain": domain, "time": time})
    async with delivery.connection() as connection:
        position: int | None = await connection.fetchval(statement, *parameters)
    return position


async def subset_paths(
    delivery: Delivery, domain: str, tree: Filter | None, *, known_only: bool
) -> Mapping[str, Sequence[str]]:
    """Return every jsonpath that each field of a filter may have, also in rows that are written later.

    Args:
        delivery: The database.
        domain: Whose rows are filtered.
        tree: The filter; None = none.
        known_only: Whether a field that no row has is an error. A domain without any row may get it later.

    Raises:
        InvalidRequest: If no row has a field; names the nearest one.
    """
    fields = sorted({condition.field for condition in conditions(tree)}) if tree else []
    if not fields:
        return {}
    async with delivery.connection() as connection:
        known = {record[0]: record[1] for record in await connection.fetch(KNOWN, domain, fields)}
        names = [record[0] for record in await connection.fetch(NAMES, domain, MAX_FIELDS)]
    for field in fields:
        if field not in known and known_only and names:
            uncollected_paths(domain, field, names)
    return {field: sorted({*known.get(field, ()), *any_paths(field)}) for field in fields}
