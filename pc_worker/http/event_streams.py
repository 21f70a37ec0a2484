"""Server-sent events that survive proxies, failures and the shutdown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from pc_worker.errors import PcWorkerError
from pc_worker.http.context import AppContext
from pc_worker.http.problems import INTERNAL_ERROR, Problem, make_problem, problem_of

log = structlog.get_logger(__name__)

#: A proxy closes a connection that is silent for long; a minute is usual.
SILENCE_S = 10.0
KEEP_ALIVE = b": keep-alive\n\n"
HEADERS = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One event: its name, its document, and an id from which a client may resume.

    ``event`` None is a nameless event, as OpenAI's clients read; ``raw`` is sent as it is instead of ``data``.
    """

    event: str | None = None
    data: Any = None
    id: str | None = None
    raw: str | None = None

    def encoded(self) -> bytes:
        """Return the event as it is sent."""
        text = json.dumps(self.data, ensure_ascii=False, separators=(",", ":")) if self.raw is None else self.raw
        sendable = text.encode("utf-8", "replace").decode()
        return format_sse_event(data_str=sendable, event=self.event, id=self.id)


async def event_stream(
    context: AppContext, events: AsyncGenerator[ServerEvent, None], *, silence_s: float = SILENCE_S
) -> StreamingResponse:
    """Return the response that sends ``events``, once the first of them is there: what fails before has its status.

    A failure after the first event is an event ``error`` with the problem document, and so is the shutdown. The
    generator is closed when the client is gone.

    Raises:
        PcWorkerError: What the generator raises before its first event.
    """
    reader = EventReader(context, events, silence_s)
    first = await reader.first()
    return StreamingResponse(reader.sent(first), media_type="text/event-stream", headers=HEADERS)


class EventReader:
    """Reads events from a generator with a pause limit; created by ``event_stream``."""

    def __init__(self, context: AppContext, events: AsyncGenerator[ServerEvent, None], silence_s: float) -> None:
        self._stopping, self._events, self._silence_s = context.stopping, events, silence_s
        self._next: asyncio.Task[ServerEvent] | None = None

    async def first(self) -> ServerEvent | None:
        """Return the first event; None if there is none yet after the time of silence, or at all."""
        try:
            return await self._event()
        except StopAsyncIteration:
            return None
        except BaseException:
            await self._close()
            raise

    async def sent(self, first: ServerEvent | None) -> AsyncIterator[bytes]:
        """Yield what is sent."""
        try:
            yield KEEP_ALIVE if first is None else first.encoded()
            while not self._stopping.is_set():
                event = await self._event()
                yield KEEP_ALIVE if event is None else event.encoded()
            yield _error(make_problem(503, "stopping", "the server is stopping: ask again, another one answers"))
        except StopAsyncIteration:
            return
        except PcWorkerError as exc:
            log.info("stream_failed", code=exc.code, reason=str(exc))
            yield _error(problem_of(exc))
        except Exception:
            log.exception("stream_failed", code="internal")
            yield _error(make_problem(500, "internal", INTERNAL_ERROR))
        finally:
            await self._close()

    async def _event(self) -> ServerEvent | None:
        """Return the next event; None after a time of silence, or when the shutdown begins."""
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._events))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((self._next, stopping), timeout=self._silence_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        if not self._next.done():
            return None
        done, self._next = self._next, None
        return done.result()

    async def _close(self) -> None:
        if self._next is not None:
            self._next.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration, Exception):
                await self._next
        await self._events.aclose()


def _error(problem: Problem) -> bytes:
    return ServerEvent(event="error", data=problem.model_dump(mode="json", exclude_defaults=True)).encoded()
