"""One client without limits: idle calls, silent calls, oversized searches."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from pc_worker.bench.gateway.servers import SERVICE
from pc_worker.store.search.filters.where import MAX_CONDITIONS
from pc_worker.wire.generated import embedding_stream_pb2 as pb

#: What servers commonly let one connection have; this one has fewer, and the others wait in the client.
CALLS_A_CONNECTION = 128
AGAIN_S = 1.0
#: Filters of a search that is beyond all measure; they just fit into the largest request.
BEYOND_MEASURE = 20_000

#: What the client reports for a call that was denied while it was writing: it hides the status.
UNHEARD = "Internal error from Core"

Metadata = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Greed:
    """How much it requests.

    Attributes:
        idle: Calls of `Consume` that follow the log without end and acknowledge nothing.
        silent: Calls that never send a message.
        searches: Searches at a time; half are beyond the bounds, half at them. Each is asked again a second
            after its end.
    """

    idle: int = 256
    silent: int = 5_000
    searches: int = 8


class GreedyClient:
    """Holds what it got until its end; ``ended`` counts how its calls ended."""

    def __init__(self, address: str, domain: str, *, like: str, metadata: Metadata, greed: Greed) -> None:
        self._address, self._domain, self._like, self._metadata, self._greed = address, domain, like, metadata, greed
        self._channels: list[grpc.aio.Channel] = []
        self.ended: Counter[tuple[str, str]] = Counter()
        self.opened = 0

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Ask for everything, and go on asking while the block lasts."""
        greed = self._greed
        async with AsyncExitStack() as stack:
            for _ in range(1 + (greed.idle + greed.silent + greed.searches) // CALLS_A_CONNECTION):
                options = [("grpc.use_local_subchannel_pool", 1)]
                opening = grpc.aio.insecure_channel(self._address, options=options)
                self._channels.append(await stack.enter_async_context(opening))
            tasks = [asyncio.create_task(self._idle(number)) for number in range(greed.idle)]
            tasks += [asyncio.create_task(self._silent(number)) for number in range(greed.silent)]
            tasks += [asyncio.create_task(self._search(number)) for number in range(greed.searches)]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    async def _idle(self, number: int) -> None:
        call = self._call("Consume", number)
        credit = pb.ConsumeCredit(chunks=1, bytes=100_000)
        opening = pb.ConsumeOpen(domain=self._domain, subscription=f"idle-{number}", credit=credit, ack_deadline_s=3600)
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            await call.write(pb.ConsumeRequest(open=opening).SerializeToString())
        await self._follow("idle", call)

    async def _silent(self, number: int) -> None:
        await self._follow("silent", self._call("Consume", number))

    async def _search(self, number: int) -> None:
        condition = "text>=2020-01-01" if number % 2 else "name=no such name"
        filters = [condition] * (MAX_CONDITIONS if number % 2 else BEYOND_MEASURE)
        request = pb.SearchRequest(domain=self._domain, like=self._like, mode="vector", where=filters)
        while True:
            call = self._call("Search", number)
            with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await call.write(request.SerializeToString())
                await call.done_writing()
            await self._follow("search", call)
            await asyncio.sleep(AGAIN_S)

    def _call(self, method: str, number: int) -> Any:
        channel = self._channels[number % len(self._channels)]
        return channel.stream_stream(f"/{SERVICE}/{method}")(metadata=tuple(self._metadata))

    async def _follow(self, what: str, call: Any) -> None:
        heard = False
        try:
            with suppress(grpc.aio.AioRpcError):
                while await call.read() is not grpc.aio.EOF:
                    if not heard:
                        heard = True
                        self.opened += what == "idle"
            status = "not heard" if await call.details() == UNHEARD else (await call.code()).name
            self.ended[what, status] += 1
        finally:
            call.cancel()
