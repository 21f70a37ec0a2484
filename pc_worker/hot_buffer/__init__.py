"""The hot buffer: a domain's newest chunks as ready bytes in Redis, bounded and disposable."""

from __future__ import annotations

from pc_worker.errors import HotBufferDamaged
from pc_worker.hot_buffer.dead_messages import (
    DeadCount,
    DeadMessage,
    count_dead,
    insert_dead_message,
    is_away,
    newest_dead,
)
from pc_worker.hot_buffer.entry import Entry, build_entry
from pc_worker.hot_buffer.held_messages import count_held, hold, release
from pc_worker.hot_buffer.prioritised_messages import gather_prioritised
from pc_worker.hot_buffer.rights import check_rights
from pc_worker.hot_buffer.ring import HotBuffer
from pc_worker.hot_buffer.ring_async import AsyncHotBuffer
from pc_worker.hot_buffer.ring_direct import open_hot_buffer
from pc_worker.hot_buffer.server import check_policy, check_redis, check_version, server_info
from pc_worker.hot_buffer.taken_messages import put_back, record_taken

__all__ = [
    "AsyncHotBuffer",
    "DeadCount",
    "DeadMessage",
    "Entry",
    "HotBuffer",
    "HotBufferDamaged",
    "build_entry",
    "check_policy",
    "check_redis",
    "check_rights",
    "check_version",
    "count_dead",
    "count_held",
    "gather_prioritised",
    "hold",
    "insert_dead_message",
    "is_away",
    "newest_dead",
    "open_hot_buffer",
    "put_back",
    "record_taken",
    "release",
    "server_info",
]
