"""A strict fake of the stock batch server: it accepts and rejects exactly what the real one does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

import grpc

from tests.support.batch_tables import FIELDS, Failure, Tables, read_chunk
from tests.support.waiting import eventually

SERVICE = "com.alpha.backend.grpc.EmbeddingStreamService"
LARGEST_MESSAGE = 4_194_304
#: The same message for any fault, as the real server sends it.
WORDS = "데이터 처리 중 오류가 발생했습니다"


@dataclass
class Call:
    """One call as it arrived; ``answered`` = it ended in success."""

    domain: str
    file_name: str
    vector_dimension: int
    deadline_s: float
    chunks: list[bytes] = field(default_factory=list)
    answered: bool = False


@dataclass
class Mood:
    """What is wrong with the server.

    Attributes:
        ill: Its database is gone: every chunk fails.
        dies_after: It crashes after this many more chunks, before it answers.
        forgets: It reports fewer chunks than it received.
    """

    ill: bool = False
    dies_after: int | None = None
    forgets: bool = False


class StockBatchServer:
    """Serves ``IngestDataStream`` over tables that outlive it."""

    def __init__(self, tables: Tables | None = None) -> None:
        self.tables, self.mood = tables or Tables(), Mood()
        self.calls: list[Call] = []
        self.port = 0
        self._lock = threading.Lock()
        self._server: grpc.Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Serve; on the port of before when it was killed."""
        options = [
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", -1),  # the limit is kept below, with the answer of the real one
            ("grpc.http2.min_ping_interval_without_data_ms", 300_000),
        ]
        handler = grpc.method_handlers_generic_handler(
            SERVICE, {"IngestDataStream": grpc.stream_unary_rpc_method_handler(self._ingest)}
        )

        def bound() -> bool:
            server = grpc.server(ThreadPoolExecutor(max_workers=4), handlers=(handler,), options=options)
            try:
                self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
            except RuntimeError:  # the port of the killed server is not free yet
                return False
            self._server = server
            server.start()
            return True

        eventually(bound, what="a free port")

    def kill(self) -> None:
        """End at once: calls in flight break off."""
        if self._server is not None:
            self._server.stop(None)
            self._server = None

    def _ingest(self, requests: Iterator[bytes], context: Any) -> bytes:
        call, message = None, b""
        for request in requests:
            if len(request) > LARGEST_MESSAGE:
                context.abort(grpc.StatusCode.CANCELLED, "HTTP/2 error code: CANCEL")
            number, message = _only_field(request)
            try:
                if number == 1:
                    call = self._begin(message, context)
                elif call is None:
                    raise Failure("chunk before metadata")
                else:
                    self._take(call, message)
            except Failure:
                context.abort(grpc.StatusCode.INTERNAL, WORDS)
        received = 0 if call is None else len(call.chunks)
        if call is not None:
            call.answered = True
        return _answer(received - 1 if self.mood.forgets else received)

    def _begin(self, metadata: bytes, context: Any) -> Call:
        values = dict(_fields(metadata))
        domain = values.get(1, b"").decode()
        if domain not in FIELDS:
            raise Failure(f"unknown domain {domain}")
        name, dimension = values.get(2, b"").decode(), int(values.get(3, 0))
        call = Call(domain, name, dimension, deadline_s=context.time_remaining())
        self.calls.append(call)
        return call

    def _take(self, call: Call, chunk: bytes) -> None:
        with self._lock:
            call.chunks.append(chunk)
            if self.mood.ill:
                raise Failure("connection refused")
            self.tables.save(call.domain, read_chunk(call.domain, chunk))
            if self.mood.dies_after is not None:
                self.mood.dies_after -= 1
                if self.mood.dies_after == 0:
                    self.mood.dies_after = None
                    self.kill()


def _only_field(message: bytes) -> tuple[int, bytes]:
    ((number, content),) = _fields(message)
    return number, content


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the fields of a protobuf message: numbers for varints, bytes for all else that occurs here."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, at = _varint(message, at)
        if tag & 7 == 2:
            yield tag >> 3, message[at : at + number]
            at += number
        else:
            yield tag >> 3, number


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value, at, shift = value | (byte & 0x7F) << shift, at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _answer(received: int) -> bytes:
    text = f"총 {received} 청크 처리 완료".encode()
    return bytes((1 << 3, 1, 2 << 3, received, 3 << 3 | 2, len(text))) + text
