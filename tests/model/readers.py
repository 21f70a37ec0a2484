"""Consumers that keep what they were given, in their own store, and say what is wrong with it."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import grpc
import grpc.aio

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.integration.gateway.client import call, stream
from tests.integration.gateway.consumer import Consumer, consuming
from tests.model.line import DOMAIN
from tests.model.oracle import Ident, ident_of


class Wrong(AssertionError):
    """Something that the contract does not allow."""


@dataclass
class Store:
    """What a consumer keeps: rows by UUID, with the text and position each came last with."""

    rows: dict[str, tuple[Ident, str]] = field(default_factory=dict)

    def take(self, chunk: pb.RowChunk, *, after: int) -> int:
        """Take a chunk in; its last position."""
        for row, row_id, position in zip(chunk.document.rows, chunk.row_ids, chunk.positions, strict=True):
            if position <= after:
                raise Wrong(f"position {position} came after {after}")
            after = position
            text = json.loads(row.payload_json)["text"]
            known = self.rows.get(row_id)
            if known is not None and _version(text) < _version(known[1]):
                raise Wrong(f"{text!r} came after {known[1]!r}")
            if row.id != row_id or not row.passages:
                raise Wrong(f"row {row_id} came as {row.id} with {len(row.passages)} passages")
            self.rows[row_id] = (ident_of(row.source, row.key), text)
        return after

    def texts(self) -> dict[Ident, str]:
        """Return rows by identity; fail if one identity has two."""
        texts = dict(self.rows.values())
        if len(texts) != len(self.rows):
            raise Wrong(f"{len(self.rows)} rows of {len(texts)} identities")
        return texts


def _version(text: str) -> int:
    """Return the job's number, with which each text begins."""
    return int(text.split()[0])


@dataclass
class Puller:
    """Reads with ``StreamEmbedding`` and stores a checkpoint: a position, or the last row's UUID."""

    address: str
    by_uuid: bool
    store: Store = field(default_factory=Store)
    position: int = 0
    uuid: str = ""

    async def pull_some(self, chunk_size: int) -> None:
        """Read a chunk or none, and break off; what it has then is its checkpoint."""
        async with grpc.aio.insecure_channel(self.address) as channel:
            begun = call(channel, pb.StreamEmbeddingRequest(domain=DOMAIN, chunk_size=chunk_size, **self._start()))
            message = await begun.read()
            if message is not grpc.aio.EOF:
                chunk = pb.RowChunk.FromString(message)
                self.position = self.store.take(chunk, after=0 if self.by_uuid else self.position)
                self.uuid = chunk.row_ids[-1]
            begun.cancel()

    def _start(self) -> dict[str, Any]:
        return {"last_processed_uuid": self.uuid} if self.by_uuid else {"after_position": self.position}

    async def pull(self, chunk_size: int) -> tuple[dict[Ident, str], int]:
        """Read once to the end; return the rows of this read, and the head up to which it is complete."""
        start = self._start()
        received = await stream(self.address, domain=DOMAIN, chunk_size=chunk_size, **start)
        if received.code != grpc.StatusCode.OK:
            raise Wrong(f"a stream from {start} ended with {received.code}: {received.details}")
        reading, after = Store(), 0 if self.by_uuid else self.position
        last = after
        for chunk in received.chunks:
            if len(chunk.row_ids) > chunk_size:
                raise Wrong(f"{len(chunk.row_ids)} rows in a chunk of {chunk_size}")
            reading.take(chunk, after=last)
            last = self.store.take(chunk, after=last)
        if sum(len(chunk.row_ids) for chunk in received.chunks) != len(reading.rows):
            raise Wrong("a row came twice in one stream")
        head = int(received.trailers["pcw-head"])
        self.position, self.uuid = head, received.trailers["pcw-last-uuid"]
        return reading.texts(), head


@dataclass
class Follower:
    """Follows by ``Consume`` while everything else happens; acknowledges when chance will; can be cut off."""

    address: str
    random: Random
    store: Store = field(default_factory=Store)
    position: int = 0
    heads: int = 0
    error: BaseException | None = None
    moved: asyncio.Condition = field(default_factory=asyncio.Condition)
    _task: asyncio.Task[None] | None = None

    def start(self, *, own_position: bool) -> None:
        """Connect, from the position in its own store or from the subscription's."""
        start = {"after_position": self.position} if own_position else {}
        self._task = asyncio.create_task(self._follow(start))

    async def cut(self) -> None:
        """Break the connection off, wherever it is."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def caught_up(self, head: int) -> None:
        """Wait until it has everything up to ``head``."""
        async with self.moved:
            await self.moved.wait_for(lambda: self.heads >= head or self.error is not None)
        if self.error is not None:
            raise self.error

    async def _follow(self, start: dict[str, Any]) -> None:
        try:
            await self._session(start)
        except asyncio.CancelledError:
            raise
        except BaseException as exc:
            self.error = exc
            async with self.moved:
                self.moved.notify_all()

    async def _session(self, start: dict[str, Any]) -> None:
        async with consuming(self.address, DOMAIN, subscription="model", heartbeat_s=30, **start) as consumer:
            opened = await consumer.until("opened")
            if start and opened.position != start["after_position"]:
                raise Wrong(f"opened at {opened.position} instead of {start}")
            if opened.position > self.position:
                raise Wrong(f"the subscription stands at {opened.position}, its consumer at {self.position}")
            last = opened.position
            while True:
                last = await self._answer(consumer, await consumer.hear(), last)
                consumer.answers.clear()

    async def _answer(self, consumer: Consumer, answer: pb.ConsumeResponse, last: int) -> int:
        match answer.WhichOneof("response"):
            case "chunk":
                last = self._take(answer.chunk, last)
                if self.random.random() < 0.5:
                    await consumer.ack(last)
            case "end_of_log":
                last = max(last, int(answer.end_of_log.position))
                async with self.moved:
                    self.heads = max(self.heads, answer.end_of_log.position)
                    self.position = max(self.position, answer.end_of_log.position)
                    self.moved.notify_all()
        return last

    def _take(self, chunk: pb.ConsumeChunk, last: int) -> int:
        if chunk.after_position != last:
            raise Wrong(f"a frame that begins after {chunk.after_position} follows {last}")
        if len(chunk.rows.row_ids):
            self.store.take(chunk.rows, after=last)
        entries = {dead.row_id: dead.position for dead in chunk.tombstones}
        newest = dict(zip(chunk.rows.row_ids, chunk.rows.positions, strict=True))
        for row_id, position in entries.items():
            if newest.get(row_id, 0) < position:
                self.store.rows.pop(row_id, None)
        self.position = max(self.position, chunk.position)
        return int(chunk.position)
