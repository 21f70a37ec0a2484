"""What a consumer asks for in `open`: where to start, and which rows."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pc_worker.errors import InvalidRequest
from pc_worker.gateway.checks import checked_position
from pc_worker.gateway.context import GatewayContext
from pc_worker.model.filter import Filter
from pc_worker.model.filter_json import filter_json
from pc_worker.model.shard import MAX_SHARDS, WHOLE, Shard
from pc_worker.model.start_point import StartPoint, read_start
from pc_worker.store.log.consumer_reads import position_before, subset_paths
from pc_worker.store.log.subscription_groups import ConsumerRequest
from pc_worker.store.log.subset import SubsetQuery, subset_query
from pc_worker.store.search.filters.where import read_where
from pc_worker.wire.generated import embedding_stream_pb2 as pb

#: Characters of one filter as JSON.
MAX_JSON = 65_536


@dataclass(frozen=True, slots=True)
class Asked:
    """The rows that a consumer asks for, and where a new subscription starts."""

    shard: Shard
    where: Filter | None
    first: StartPoint

    @property
    def filter(self) -> str | None:
        """The filter as JSON text."""
        return filter_json(self.where)


def read_asked(opening: pb.ConsumeOpen) -> Asked:
    """Read the fields of `open` that select rows.

    Raises:
        InvalidRequest: If one is wrong.
    """
    first = read_start(opening.first_at) if opening.first_at else 0
    where = read_where([_filter(text) for text in opening.where])
    return Asked(_shard(opening.shard) if opening.HasField("shard") else WHOLE, where, first)


def _shard(asked: pb.ConsumeShard) -> Shard:
    if not 1 <= asked.count <= MAX_SHARDS:
        raise InvalidRequest(f"{asked.count} shards are not within 1 to {MAX_SHARDS}")
    if not 0 <= asked.index < asked.count:
        raise InvalidRequest(f"shard {asked.index} is not within 0 to {asked.count - 1}")
    return Shard(asked.index, asked.count)


def _filter(text: str) -> object:
    if not text.lstrip().startswith(("{", "[")):
        return text
    if len(text) > MAX_JSON:
        raise InvalidRequest(f"a filter has {len(text):,} characters: it may have {MAX_JSON:,}")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise InvalidRequest(f"filter {text[:80]!r} is no JSON: {exc}") from exc
    return {"and": found} if isinstance(found, list) else found


async def consumer_request(
    gateway: GatewayContext, opening: pb.ConsumeOpen, asked: Asked, head: int
) -> ConsumerRequest:
    """Return the request with its starts as positions of a log that ends at ``head``.

    Raises:
        InvalidRequest: If a start is wrong.
        NotFound: If the row of `after_uuid` is not in the log.
        Unavailable: If the database is unavailable.
    """
    return ConsumerRequest(
        domain=opening.domain,
        name=opening.subscription,
        shard=asked.shard,
        filter=asked.filter,
        after=await _after(gateway, opening, head),
        first=await _position(gateway, opening.domain, asked.first, head),
        head=head,
    )


async def _after(gateway: GatewayContext, opening: pb.ConsumeOpen, head: int) -> int | None:
    match opening.WhichOneof("start"):
        case "after_position":
            return checked_position(opening.after_position, head)
        case "after_uuid":
            return await gateway.resolve(opening.domain, opening.after_uuid)
        case "at":
            return checked_position(await _position(gateway, opening.domain, read_start(opening.at), head), head)
        case _:
            return None


async def _position(gateway: GatewayContext, domain: str, start: StartPoint, head: int) -> int:
    match start:
        case int():
            return start
        case "now":
            return head
    found = await position_before(gateway.delivery, domain, start)
    return head if found is None else found


async def read_subset(
    gateway: GatewayContext, wanted: ConsumerRequest, asked: Asked, *, filter_from: int
) -> SubsetQuery | None:
    """Return how to read the rows that a consumer asks for; None = the whole log."""
    paths = await subset_paths(gateway.delivery, wanted.domain, asked.where, known_only=False)
    return subset_query(asked.shard, asked.where, paths, filter_from=filter_from)


async def check_fields(gateway: GatewayContext, wanted: ConsumerRequest, asked: Asked) -> None:
    """Check the fields of a filter that the subscription does not have yet: its rows may be gone later.

    Raises:
        InvalidRequest: If no row has a field.
        Unavailable: If the database is unavailable.
    """
    if wanted.filter is None or await gateway.subscriptions.filter_of(wanted.domain, wanted.name) == wanted.filter:
        return
    await subset_paths(gateway.delivery, wanted.domain, asked.where, known_only=True)
