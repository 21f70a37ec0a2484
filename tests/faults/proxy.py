"""A TCP proxy that misbehaves on request: cuts, delays, goes silent, or cuts in the middle of a frame or a commit."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from typing import Self

#: What libpq sends for a commit: a simple query, its length, its text.
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
BLOCK = 65_536


class Proxy:
    """Forwards to one server, in a thread of its own.

    Attributes:
        delay_s: Waited before each block is passed on.
        cut_after: Bytes from the server that a connection passes on before it is cut; None = all.
        commits_to_lose: Connections to cut once they send COMMIT, before (False) or after (True) it is passed on.
    """

    def __init__(self, host: str, port: int, *, listen: str = "127.0.0.1") -> None:
        self._target, self._listen = (host, port), listen
        self.port = 0
        self.delay_s = 0.0
        self.cut_after: int | None = None
        self.commits_to_lose: list[bool] = []
        self.commits_lost = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> int:
        """Cut every connection with a reset; return how many there were."""
        return self._call(self._cut())

    def silence(self) -> None:
        """Pass nothing on in either direction, and close nothing: as a cable that is pulled."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def speak(self) -> None:
        """Go on passing."""
        self._loop.call_soon_threadsafe(self._flowing.set)

    def _call(self, work: object) -> int:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)  # type: ignore[arg-type]  # a coroutine

    async def _start(self) -> int:
        self._flowing.set()
        self._server = await asyncio.start_server(self._serve, self._listen, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def _stop(self) -> int:
        self._server.close()
        self._flowing.set()
        done = await self._cut()
        await asyncio.sleep(0.05)
        return done

    async def _cut(self) -> int:
        writers = list(self._open)
        for writer in writers:
            _reset(writer)
        return len(writers) // 2

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(writer)
            return
        pair = {writer, far_writer}
        self._open |= pair
        ways = (self._pass(reader, far_writer, pair, up=True), self._pass(far_reader, writer, pair, up=False))
        try:
            with contextlib.suppress(OSError):
                await asyncio.gather(*ways)
        finally:
            self._open -= pair
            for each in pair:
                each.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pair: set[asyncio.StreamWriter], *, up: bool
    ) -> None:
        passed = 0
        while block := await reader.read(BLOCK):
            await self._flowing.wait()
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if up and self.commits_to_lose and COMMIT in block:
                await self._lose_commit(block, writer, pair)
                return
            passed += len(block)
            if not up and self.cut_after is not None and passed > self.cut_after:
                writer.write(block[: len(block) // 2])
                self.cut_after = None
                _reset_all(pair)
                return
            writer.write(block)
            await writer.drain()
        writer.close()

    async def _lose_commit(self, block: bytes, writer: asyncio.StreamWriter, pair: set[asyncio.StreamWriter]) -> None:
        arrives = self.commits_to_lose.pop()
        self.commits_lost += 1
        if arrives:
            writer.write(block)
            await writer.drain()
            await asyncio.sleep(0.05)  # the server commits; its answer is what gets lost
        _reset_all(pair)


def _reset_all(writers: set[asyncio.StreamWriter]) -> None:
    for writer in writers:
        _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        end: socket.socket = writer.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
