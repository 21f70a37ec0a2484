from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pc_worker.access import EVERYTHING
from pc_worker.errors import NotFound, QuotaExceeded, Unavailable
from pc_worker.http.event_streams import KEEP_ALIVE, ServerEvent, event_stream
from pc_worker.http.requests.context import AppContext
from pc_worker.http.requests.limits import Quotas
from pc_worker.http.requests.roles import HttpCaller
from pc_worker.http.shapes.openai import openai_members
from pc_worker.settings import Settings

CALLER = HttpCaller(EVERYTHING, "127.0.0.1")


def context() -> AppContext:
    return cast(
        AppContext,
        SimpleNamespace(stopping=asyncio.Event(), quotas=Quotas.of(Settings(max_streams=2), searches_per_caller=2)),
    )


async def parts(response: Any, *, after_first: Callable[[], object] = lambda: None, goes: bool = False) -> list[str]:
    """Send a response; return its parts. ``goes`` = the client goes after the first part."""
    sent: list[str] = []
    first = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await (first if goes else asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if body := message.get("body"):
            sent.append(body.decode())
            first.set()
            after_first()

    await response({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
    return sent


async def test_events_are_sent_in_order() -> None:
    async def events() -> AsyncGenerator[ServerEvent, None]:
        yield ServerEvent(event="progress", data={"rows": 1}, id="1")
        yield ServerEvent(raw="[DONE]")

    response = await event_stream(context(), CALLER, events())

    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["content-type"].startswith("text/event-stream")
    assert await parts(response) == ['event: progress\ndata: {"rows":1}\nid: 1\n\n', "data: [DONE]\n\n"]


async def test_what_fails_before_the_first_event_has_its_status() -> None:
    async def events() -> AsyncGenerator[ServerEvent, None]:
        raise NotFound("there is no such job")
        yield ServerEvent()

    with pytest.raises(NotFound):
        await event_stream(context(), CALLER, events())


@pytest.mark.parametrize(
    ("error", "code"), [(Unavailable("PostgreSQL is away"), "unavailable"), (KeyError(1), "internal")]
)
async def test_what_fails_later_is_an_event(error: Exception, code: str) -> None:
    async def events() -> AsyncGenerator[ServerEvent, None]:
        yield ServerEvent(data=1)
        raise error

    _, last = await parts(await event_stream(context(), CALLER, events()))
    name, data = last.splitlines()[:2]

    assert name == "event: error"
    assert json.loads(data.removeprefix("data: "))["code"] == code


@pytest.mark.parametrize("end", ["stopping", "internal", "unavailable"])
async def test_every_error_has_what_the_clients_of_the_route_read(end: str) -> None:
    """OpenAI's clients raise for the member `error` only."""
    shared = context()

    async def events() -> AsyncGenerator[ServerEvent, None]:
        yield ServerEvent(data=1)
        if end == "stopping":
            await asyncio.Event().wait()
        raise KeyError(1) if end == "internal" else Unavailable("PostgreSQL is away")

    response = await event_stream(shared, CALLER, events(), members=openai_members)
    *_, last = await parts(response, after_first=shared.stopping.set if end == "stopping" else lambda: None)

    error = json.loads(last.splitlines()[1].removeprefix("data: "))["error"]
    assert (error["code"], error["type"]) == (end, "server_error")


async def test_silence_is_filled_with_comments_and_no_event_is_lost() -> None:
    going = asyncio.Event()

    async def events() -> AsyncGenerator[ServerEvent, None]:
        yield ServerEvent(data=1)
        await going.wait()
        yield ServerEvent(data=2)

    response = await event_stream(context(), CALLER, events(), silence_s=0.01)
    seen = await parts(response, after_first=lambda: asyncio.get_running_loop().call_later(0.05, going.set))

    assert [part for part in seen if part != KEEP_ALIVE.decode()] == ["data: 1\n\n", "data: 2\n\n"]
    assert KEEP_ALIVE.decode() in seen


async def test_the_shutdown_ends_a_silent_stream_with_an_event_and_closes_its_source() -> None:
    closed = asyncio.Event()

    async def events() -> AsyncGenerator[ServerEvent, None]:
        try:
            yield ServerEvent(data=1)
            await asyncio.Event().wait()
        finally:
            closed.set()

    shared = context()
    *_, last = await parts(await event_stream(shared, CALLER, events()), after_first=shared.stopping.set)

    assert "stopping" in last
    assert last.startswith("event: error\n")
    assert closed.is_set()


async def test_a_client_that_goes_closes_the_source() -> None:
    closed = asyncio.Event()

    async def events() -> AsyncGenerator[ServerEvent, None]:
        try:
            yield ServerEvent(data=1)
            await asyncio.Event().wait()
        finally:
            closed.set()

    assert await parts(await event_stream(context(), CALLER, events()), goes=True) == ["data: 1\n\n"]
    assert closed.is_set()


async def test_a_stream_counts_until_it_has_ended() -> None:
    shared = context()

    async def events() -> AsyncGenerator[ServerEvent, None]:
        yield ServerEvent(data=1)

    responses = [await event_stream(shared, CALLER, events()) for _ in range(2)]
    with pytest.raises(QuotaExceeded):
        await event_stream(shared, CALLER, events())
    await parts(responses[0])

    await parts(await event_stream(shared, CALLER, events()))
    await parts(responses[1])


async def test_a_stream_that_fails_before_its_first_event_does_not_count() -> None:
    shared = context()

    async def events() -> AsyncGenerator[ServerEvent, None]:
        raise NotFound("there is no such job")
        yield ServerEvent()

    for _ in range(3):
        with pytest.raises(NotFound):
            await event_stream(shared, CALLER, events())
