"""The queue: a domain's newest chunks as ready bytes in Redis, bounded and disposable; and a row's wire form."""

from __future__ import annotations

from pc_worker.queue.block import MESSAGE_BYTES, RowBlock, build_block
from pc_worker.queue.dead_messages import DeadCount, DeadMessage, bury, count_dead, is_away, newest_dead
from pc_worker.queue.entry import Entry, build_entry
from pc_worker.queue.held_messages import count_held, hold, release
from pc_worker.queue.ring import Queue, QueueDamaged
from pc_worker.queue.ring_async import AsyncQueue
from pc_worker.queue.ring_direct import open_queue
from pc_worker.queue.server import check_policy, check_redis, check_version, server_info
from pc_worker.queue.wire import WirePassage, arm_of, row_head, row_message, tagged

__all__ = [
    "MESSAGE_BYTES",
    "AsyncQueue",
    "DeadCount",
    "DeadMessage",
    "Entry",
    "Queue",
    "QueueDamaged",
    "RowBlock",
    "WirePassage",
    "arm_of",
    "build_block",
    "build_entry",
    "bury",
    "check_policy",
    "check_redis",
    "check_version",
    "count_dead",
    "count_held",
    "hold",
    "is_away",
    "newest_dead",
    "open_queue",
    "release",
    "row_head",
    "row_message",
    "server_info",
    "tagged",
]
