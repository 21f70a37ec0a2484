"""Writes the messages of a consumer's call, one at a time, and knows for how long it has been silent."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc.aio

from pc_worker.wire.generated import embedding_stream_pb2 as pb


class ConsumeWriter:
    """The writing side of a call; gRPC allows one write of a call at a time."""

    def __init__(self, context: grpc.aio.ServicerContext) -> None:
        self._context = context
        self._turn = asyncio.Lock()
        self._written_at: float | None = None

    async def write(self, message: bytes) -> None:
        """Write a serialised message."""
        async with self._turn:
            await self._context.write(message)
            self._written_at = time.monotonic()

    async def say(self, **message: Any) -> None:
        """Write a message with this one answer."""
        await self.write(pb.ConsumeResponse(**message).SerializeToString())

    @property
    def silent_s(self) -> float:
        """Seconds since the last message; 0 before the first one, and while a client that reads slowly takes one."""
        if self._written_at is None or self._turn.locked():
            return 0.0
        return time.monotonic() - self._written_at
