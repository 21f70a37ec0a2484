"""The queue: a domain's newest chunks as ready bytes in Redis, bounded and disposable; and a row's wire form."""

from __future__ import annotations

from pc_worker.queue.block import MESSAGE_BYTES, RowBlock, build_block
from pc_worker.queue.entry import Entry, build_entry
from pc_worker.queue.ring import Queue, QueueDamaged
from pc_worker.queue.ring_async import AsyncQueue
from pc_worker.queue.ring_direct import open_queue
from pc_worker.queue.server import check_policy, check_redis, check_version, server_info
from pc_worker.queue.wire import WirePassage, arm_of, row_head, row_message, tagged

__all__ = [
    "MESSAGE_BYTES",
    "AsyncQueue",
    "Entry",
    "Queue",
    "QueueDamaged",
    "RowBlock",
    "WirePassage",
    "arm_of",
    "build_block",
    "build_entry",
    "check_policy",
    "check_redis",
    "check_version",
    "open_queue",
    "row_head",
    "row_message",
    "server_info",
    "tagged",
]
