"""The memory of the database server, as far as it can be known."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pc_worker.store.db.connection import Cursor

# A server behind a proxy or in another container has another address than its client.
SERVER = """
SELECT pg_size_bytes(current_setting('effective_cache_size')),
       inet_server_addr() IS NULL OR inet_server_addr() = inet_client_addr()
"""
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True)
class ServerMemory:
    """The bytes of memory, and where this number is from."""

    bytes: int
    source: str


def server_memory(cursor: Cursor) -> ServerMemory:
    """Return this machine's memory if the server runs here, otherwise PostgreSQL's `effective_cache_size`."""
    cursor.execute(SERVER)
    stated, here = cursor.fetchone() or (0, False)
    if here:
        return ServerMemory(own_memory(), "the memory of this machine")
    return ServerMemory(int(stated), "PostgreSQL's effective_cache_size")


def own_memory() -> int:
    """Return the memory that this process's machine or container has."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = CGROUP_LIMIT.read_text().strip()
    except OSError:
        return physical
    return min(physical, int(limit)) if limit.isdigit() else physical
