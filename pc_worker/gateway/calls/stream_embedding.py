"""`StreamEmbedding`: every row up to the head at the time of the call, then OK; OK only if complete."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import grpc.aio
import structlog
from google.protobuf.message import DecodeError

from pc_worker.errors import InvalidRequest, Unavailable
from pc_worker.gateway import metrics
from pc_worker.gateway.checks import checked_position, chunk_rows
from pc_worker.gateway.context import GatewayContext
from pc_worker.gateway.limits.admission import AdmittedCall, text_metadata
from pc_worker.gateway.log.delivery import LogRange, LogReader, dropping_read_ahead
from pc_worker.wire import row_type_of
from pc_worker.wire.generated import embedding_stream_pb2 as pb

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StreamStart:
    """Where a call starts: the range to read, and the UUID in the request, empty if none."""

    wanted: LogRange
    given_uuid: str


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """One serialised message, its last row, and where its rows were read: `queue` or `log`."""

    message: bytes
    rows: int
    last_uuid: str
    last_position: int
    source: str


@dataclass(slots=True)
class StreamProgress:
    """What a call has sent so far."""

    last_uuid: str
    last_position: int
    rows: int = 0
    complete: bool = False


class EmbeddingStream:
    """The handler of `StreamEmbedding`; it reads and writes serialised messages."""

    def __init__(self, gateway: GatewayContext) -> None:
        self._gateway = gateway

    async def serve(self, call: AdmittedCall) -> None:
        """Serve one call.

        Raises:
            PcWorkerError: `call_edge` turns it into a status.
        """
        request = _parse(call.first)
        call.grant.check(request.domain)
        start = await self._start(request)
        with metrics.stream_open(request.domain, "StreamEmbedding"):
            await self._serve(start, call.context)

    async def _start(self, request: pb.StreamEmbeddingRequest) -> StreamStart:
        max_rows = chunk_rows(request.chunk_size)
        end = await self._gateway.head(request.domain)
        head = 0 if end is None else end.position
        given = "" if request.HasField("after_position") else request.last_processed_uuid
        if request.HasField("after_position"):
            after = checked_position(request.after_position, head)
        else:
            after = await self._gateway.resolve(request.domain, given) if given else 0
        row_type = row_type_of(request.domain)
        return StreamStart(
            LogRange(domain=request.domain, row_type=row_type, after=after, head=head, max_rows=max_rows), given
        )

    async def _serve(self, start: StreamStart, context: grpc.aio.ServicerContext) -> None:
        wanted = start.wanted
        progress = StreamProgress(start.given_uuid, wanted.after)
        await context.send_initial_metadata(())
        try:
            await self._send(wanted, progress, context)
            progress.complete = True
            context.set_trailing_metadata(_trailers(progress, wanted.head))
        finally:
            self._record(wanted, progress)

    async def _send(self, wanted: LogRange, progress: StreamProgress, context: grpc.aio.ServicerContext) -> None:
        reader = LogReader(
            self._gateway.delivery, self._gateway.queue, wanted, retry_for_s=self._gateway.config.retry_for_s
        )
        held = is_held_back(text_metadata(context).get("user-agent", ""))
        delay_s = self._gateway.config.first_chunk_delay_s if held else 0.0
        not_before = asyncio.get_running_loop().time() + delay_s
        async with aclosing(_messages(reader, wanted.max_rows)) as messages:
            async for outgoing in messages:
                await _sleep_until(not_before)
                if self._gateway.shutdown.stopping:
                    raise Unavailable(f"the gateway is stopping: resume after position {progress.last_position}")
                with dropping_read_ahead(reader):
                    await self._write(outgoing, wanted.domain, context)
                progress.rows += outgoing.rows
                progress.last_uuid, progress.last_position = outgoing.last_uuid, outgoing.last_position
        await _sleep_until(not_before)

    async def _write(self, outgoing: StreamMessage, domain: str, context: grpc.aio.ServicerContext) -> None:
        before = time.monotonic()
        try:
            async with asyncio.timeout(self._gateway.config.stall_s):
                await context.write(outgoing.message)
        except TimeoutError as exc:
            raise Unavailable("the client took no message for too long: resume after the last row it has") from exc
        metrics.BLOCKED.labels(domain).inc(time.monotonic() - before)
        metrics.ROWS.labels(domain, outgoing.source).inc(outgoing.rows)
        metrics.BYTES.labels(domain).inc(len(outgoing.message))

    def _record(self, wanted: LogRange, progress: StreamProgress) -> None:
        # The stock reader takes a broken stream for its end: only this event shows that it was cut short.
        metrics.ENDED.labels(wanted.domain, "complete" if progress.complete else "cut").inc()
        report = log.info if progress.complete else log.warning
        report(
            "stream_ended",
            domain=wanted.domain,
            complete=progress.complete,
            rows=progress.rows,
            last_position=progress.last_position,
            head=wanted.head,
        )


def is_held_back(user_agent: str) -> bool:
    """Return whether the first message is delayed: for Java's gRPC library, and for clients that name none."""
    return "grpc-java" in user_agent or "grpc-" not in user_agent


async def _sleep_until(when: float) -> None:
    remaining = when - asyncio.get_running_loop().time()
    if remaining > 0:
        await asyncio.sleep(remaining)


async def _messages(reader: LogReader, max_rows: int) -> AsyncGenerator[StreamMessage, None]:
    async for log_slice in reader.slices():
        block, source = log_slice.block, "queue" if log_slice.queued else "log"
        for start, end in block.cuts(log_slice.start, max_rows=max_rows):
            last = end - 1
            yield StreamMessage(
                block.message(start, end), end - start, block.row_id(last), block.positions[last], source
            )


def _parse(raw: bytes) -> pb.StreamEmbeddingRequest:
    try:
        return pb.StreamEmbeddingRequest.FromString(raw)
    except DecodeError as exc:
        raise InvalidRequest("the request is not a StreamEmbeddingRequest") from exc


def _trailers(progress: StreamProgress, head: int) -> tuple[tuple[str, str], ...]:
    return (
        ("pcw-rows", str(progress.rows)),
        ("pcw-last-uuid", progress.last_uuid),
        ("pcw-last-position", str(progress.last_position)),
        ("pcw-head", str(head)),
    )
