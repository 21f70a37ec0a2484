"""What a consumer requests in `open`, and the answer to it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pc_worker.errors import InvalidRequest
from pc_worker.gateway.calls.consume.credit import check_credit
from pc_worker.gateway.checks import chunk_rows
from pc_worker.store.log.nacks import LONGEST_FIRST_DELAY_S, RedeliveryRules
from pc_worker.store.log.read import LogHead
from pc_worker.store.log.subscription_leases import SubscriptionLease
from pc_worker.wire import MESSAGE_BYTES
from pc_worker.wire.generated import embedding_stream_pb2 as pb

NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
MIN_FRAME_BYTES, DEFAULT_FRAME_BYTES = 65_536, 1_000_000
MAX_HEARTBEAT_S, DEFAULT_HEARTBEAT_S = 60, 10
MAX_DEADLINE_S, DEFAULT_DEADLINE_S = 3600, 60
MAX_DELIVERIES = 100
MIN_DELAY_MS, MAX_DELAY_MS, DEFAULT_DELAY_MS = 10, int(LONGEST_FIRST_DELAY_S * 1000), 1000
NO_REDELIVERY = RedeliveryRules(max_deliveries=0, first_delay_s=0.0)


@dataclass(frozen=True, slots=True)
class ConsumeLimits:
    """What the consumer requested: limits of a frame, seconds between heartbeats, seconds until an acknowledgement.

    ``redelivery``: when nacked rows are delivered again, if the client knows about nacks.
    """

    max_rows: int
    max_bytes: int
    heartbeat_s: int
    ack_deadline_s: int
    redelivery: RedeliveryRules = NO_REDELIVERY


def consume_limits(opening: pb.ConsumeOpen, *, max_deliveries: int) -> ConsumeLimits:
    """Return the limits of a call; ``max_deliveries`` unless the client sets another number.

    Raises:
        InvalidRequest: If a value is not allowed.
    """
    if not NAME.fullmatch(opening.subscription):
        raise InvalidRequest(f"{opening.subscription[:80]!r} is no subscription's name: 1 to 100 of A-Z a-z 0-9 . _ -")
    check_credit(opening.credit.chunks, opening.credit.bytes)
    frame_bytes = _within("frame_bytes", opening.frame_bytes, MIN_FRAME_BYTES, 4 * 1024 * 1024) or DEFAULT_FRAME_BYTES
    return ConsumeLimits(
        max_rows=chunk_rows(opening.chunk_rows),
        # A frame larger than the first credit would wait forever.
        max_bytes=min(frame_bytes, MESSAGE_BYTES, max(opening.credit.bytes or MESSAGE_BYTES, MIN_FRAME_BYTES)),
        heartbeat_s=_within("heartbeat_s", opening.heartbeat_s, 1, MAX_HEARTBEAT_S) or DEFAULT_HEARTBEAT_S,
        ack_deadline_s=_within("ack_deadline_s", opening.ack_deadline_s, 1, MAX_DEADLINE_S) or DEFAULT_DEADLINE_S,
        redelivery=_rules(opening.nacks, max_deliveries) if opening.HasField("nacks") else NO_REDELIVERY,
    )


def opened_message(end: LogHead, limits: ConsumeLimits, lease: SubscriptionLease) -> pb.ConsumeOpened:
    """Return the answer to `open` for the holder of a lease in a log that ends at ``end``."""
    return pb.ConsumeOpened(
        position=lease.position,
        head=end.position,
        epoch=str(end.epoch),
        model=end.model,
        chunk_rows=limits.max_rows,
        frame_bytes=limits.max_bytes,
        heartbeat_s=limits.heartbeat_s,
        ack_deadline_s=limits.ack_deadline_s,
        max_deliveries=limits.redelivery.max_deliveries,
        created=lease.created,
    )


def _rules(nacks: pb.ConsumeNacks, max_deliveries: int) -> RedeliveryRules:
    delay_ms = _within("first_delay_ms", nacks.first_delay_ms, MIN_DELAY_MS, MAX_DELAY_MS) or DEFAULT_DELAY_MS
    return RedeliveryRules(
        max_deliveries=_within("max_deliveries", nacks.max_deliveries, 1, MAX_DELIVERIES) or max_deliveries,
        first_delay_s=delay_ms / 1000,
    )


def _within(name: str, value: int, least: int, most: int) -> int:
    if value and not least <= value <= most:
        raise InvalidRequest(f"{name} {value} is not within {least} to {most}")
    return value
