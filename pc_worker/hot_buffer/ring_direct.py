"""The hot buffer read directly from the socket, without copies: the received bytes are forwarded to the client.

The Redis client copies a value four times; for megabytes, that costs more than sending them.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pc_worker.errors import HotBufferDamaged
from pc_worker.hot_buffer.entry import HEADER, Entry, front_bytes
from pc_worker.hot_buffer.keys import ring_keys
from pc_worker.hot_buffer.ring import HotBuffer, asking, checked_entry
from pc_worker.hot_buffer.seal import SEAL_BYTES
from pc_worker.urls import read_redis_url

#: Longest first line of a reply: type, length, line end.
LINE_BYTES = 512
#: Its bytes may come one by one, within this time.
LINE_S = 2.0
END = b"\r\n"


class DirectHotBuffer(HotBuffer):
    """A ring over plain TCP whose entries are read without copies. Keeps one connection per reading thread."""

    def __init__(self, client: redis.Redis, *, max_bytes: int, target: dict[str, Any], timeout_s: float) -> None:
        super().__init__(client, max_bytes=max_bytes)
        self._target, self._timeout_s = target, timeout_s
        self._idle: list[socket.socket] = []

    def get(self, domain: str, first: int, key: bytes) -> Entry | None:
        """Return the entry that starts at ``first``; None if there is none.

        Raises:
            HotBufferDamaged: If the value is not a valid entry.
            Unavailable: If Redis does not answer.
        """
        with asking(domain):
            try:
                parts = self._get(self._idle.pop(), domain, first)
            except (IndexError, OSError):  # no idle connection, or the server has closed it
                parts = self._get(self._connect(), domain, first)
            return None if parts is None else checked_entry(Entry.from_parts(*parts, key), domain, first)

    def close(self) -> None:
        """Close the connections."""
        super().close()
        while self._idle:
            self._idle.pop().close()

    def _get(self, connection: socket.socket, domain: str, first: int) -> tuple[bytes, bytes, bytes] | None:
        """Return an entry's front, message and seal as received; None if there is no entry."""
        try:
            _send(connection, b"HGET", ring_keys(domain)[0].encode(), b"%d" % first)
            parts = _receive_entry(connection)
        except BaseException:  # the rest of the reply is not read
            connection.close()
            raise
        self._idle.append(connection)
        return parts

    def _connect(self) -> socket.socket:
        target = self._target
        where = (target.get("host", "localhost"), target.get("port", 6379))
        connection = socket.create_connection(where, timeout=self._timeout_s)
        # Blocking, with the kernel's own timeouts: only then does one call receive a whole message.
        connection.setblocking(True)
        limit = struct.pack("ll", int(self._timeout_s), int(self._timeout_s % 1 * 1_000_000))
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            connection.setsockopt(socket.SOL_SOCKET, option, limit)
        try:
            self._greet(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _greet(self, connection: socket.socket) -> None:
        target = self._target
        if target.get("password"):
            # With a name, as redis-py does: a password alone is an error where the server wants none.
            user = target.get("username") or "default"
            _ask(connection, b"AUTH", user.encode(), target["password"].encode())
        if target.get("db"):
            _ask(connection, b"SELECT", b"%d" % target["db"])


def open_hot_buffer(redis_url: str, *, max_bytes: int, timeout_s: float) -> HotBuffer:
    """Return the hot buffer of a server; over plain TCP its entries are read directly.

    Raises:
        ValueError: If the URL is not a Redis URL.
    """
    server = read_redis_url(redis_url)
    target = server.for_redis_py()
    client = redis.Redis(
        **target, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 1)
    )
    if server.path or server.tls:
        return HotBuffer(client, max_bytes=max_bytes)
    return DirectHotBuffer(client, max_bytes=max_bytes, target=target, timeout_s=timeout_s)


def _send(connection: socket.socket, *words: bytes) -> None:
    parts = [b"*%d" % len(words), *(part for word in words for part in (b"$%d" % len(word), word)), b""]
    connection.sendall(END.join(parts))


def _ask(connection: socket.socket, *words: bytes) -> int:
    """Send a command; return the length of the string in the reply, -1 for none, 0 for OK."""
    _send(connection, *words)
    line, _ = _peek_line(connection)
    _receive(connection, len(line) + len(END))
    return _string_bytes(line)


def _receive_entry(connection: socket.socket) -> tuple[bytes, bytes, bytes] | None:
    """Return an entry's front, message and seal; None if there is no entry.

    What precedes the message is read at once: after each read, a thread waits for the interpreter's lock.
    """
    line, seen = _peek_line(connection)
    length, begin = _string_bytes(line), len(line) + len(END)
    if length < 0:
        _receive(connection, begin)
        return None
    header_end, start = begin + min(length, HEADER.size), b""
    if len(seen) < header_end:
        seen = start = _receive(connection, header_end)
    front = front_bytes(seen[begin:header_end], length)
    if front is None:
        raise HotBufferDamaged("what Redis holds there is no entry")
    start += _receive(connection, begin + front - len(start))
    message = _receive(connection, length - front - SEAL_BYTES)
    tail = _receive(connection, SEAL_BYTES + len(END))
    return start[begin:], message, tail[:SEAL_BYTES]


def _string_bytes(line: bytes) -> int:
    """Return the length of the string that a reply's first line announces, -1 for none, 0 for OK."""
    match line[:1]:
        case b"$":
            return int(line[1:])
        case b"+":
            return 0
        case b"-":
            raise redis.ResponseError(line[1:].decode("utf-8", "replace"))
        case _:
            raise ValueError(f"it answers {line[:80]!r}")


def _peek_line(connection: socket.socket) -> tuple[bytes, bytes]:
    """Return the first line, and as much as has arrived, with that line; nothing is taken from the connection."""
    patience = time.monotonic() + LINE_S
    seen = connection.recv(LINE_BYTES, socket.MSG_PEEK)
    while (end := seen.find(END)) < 0:
        more = connection.recv(len(seen) + 1, socket.MSG_PEEK | socket.MSG_WAITALL)
        if not seen or len(more) <= len(seen) or len(more) > LINE_BYTES or time.monotonic() > patience:
            raise ConnectionError("it closed the connection, or what it says is not Redis")
        seen = more
    return seen[:end], seen


def _receive(connection: socket.socket, size: int) -> bytes:
    if not size:
        return b""
    received = connection.recv(size, socket.MSG_WAITALL)
    return received if len(received) == size else _receive_rest(connection, received, size)


def _receive_rest(connection: socket.socket, received: bytes, size: int) -> bytes:
    # A stopped process that continues, or one that a profiler looks at, receives less than it waits for.
    patience = time.monotonic() + LINE_S
    parts = [received]
    while received and (missing := size - sum(map(len, parts))) and time.monotonic() < patience:
        parts.append(received := connection.recv(missing, socket.MSG_WAITALL))
    whole = b"".join(parts)
    if len(whole) < size:
        raise ConnectionError("it broke off in the middle of an entry")
    return whole
