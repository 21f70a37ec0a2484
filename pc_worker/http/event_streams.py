"""Server-sent events that survive proxies, failures and the shutdown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.types import Receive, Scope, Send

from pc_worker.errors import PcWorkerError
from pc_worker.http.requests.context import AppContext
from pc_worker.http.requests.problems import INTERNAL_ERROR, Problem, ProblemMembers, make_problem, problem_of
from pc_worker.http.requests.roles import HttpCaller

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
    context: AppContext,
    caller: HttpCaller,
    events: AsyncGenerator[ServerEvent, None],
    *,
    silence_s: float = SILENCE_S,
    members: ProblemMembers | None = None,
) -> StreamingResponse:
    """Return the response that sends ``events``, once the first of them is there: what fails before has its status.

    It counts as a stream of the caller until it ends. A failure after the first event is an event ``error`` with the
    problem document, and so is the shutdown; ``members`` are those that the clients of the route read in it, too. The
    generator is closed when the client is gone.

    Raises:
        QuotaExceeded: If too many streams are open.
        PcWorkerError: What the generator raises before its first event.
    """
    reader = EventReader(context, events, silence_s, members)
    with ExitStack() as held:
        held.enter_context(context.quotas.streams.take(caller.quota))
        first = await reader.first()
        return EventResponse(reader, first, held.pop_all())


class EventResponse(StreamingResponse):
    """The response that sends events; created by ``event_stream``."""

    def __init__(self, reader: EventReader, first: ServerEvent | None, held: ExitStack) -> None:
        super().__init__(reader.sent(first), media_type="text/event-stream", headers=HEADERS)
        self._reader, self._held = reader, held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until they end or the client is gone, then close their source."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._held.close()
            await self._reader.close()


class EventReader:
    """Reads events from a generator with a pause limit; created by ``event_stream``."""

    def __init__(
        self,
        context: AppContext,
        events: AsyncGenerator[ServerEvent, None],
        silence_s: float,
        members: ProblemMembers | None = None,
    ) -> None:
        self._stopping, self._events, self._silence_s = context.stopping, events, silence_s
        self._members = members
        self._next: asyncio.Task[ServerEvent] | None = None

    async def first(self) -> ServerEvent | None:
        """Return the first event; None if there is none yet after the time of silence, or at all."""
        try:
            return await self._event()
        except StopAsyncIteration:
            return None
        except BaseException:
            await self.close()
            raise

    async def sent(self, first: ServerEvent | None) -> AsyncIterator[bytes]:
        """Yield what is sent."""
        try:
            yield KEEP_ALIVE if first is None else first.encoded()
            while not self._stopping.is_set():
                event = await self._event()
                yield KEEP_ALIVE if event is None else event.encoded()
            yield self._error(make_problem(503, "stopping", "the server is stopping: ask again, another one answers"))
        except StopAsyncIteration:
            return
        except PcWorkerError as exc:
            log.info("stream_failed", code=exc.code, reason=str(exc))
            yield self._error(problem_of(exc))
        except Exception:
            log.exception("stream_failed", code="internal")
            yield self._error(make_problem(500, "internal", INTERNAL_ERROR))

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

    async def close(self) -> None:
        """Close the generator."""
        if self._next is not None:
            self._next.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration, Exception):
                await self._next
        await self._events.aclose()

    def _error(self, problem: Problem) -> bytes:
        more = {} if self._members is None else self._members(problem, None)
        return ServerEvent(event="error", data=problem.model_dump(mode="json", exclude_defaults=True) | more).encoded()
