from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pc_worker.errors import NotFound, Unavailable
from pc_worker.http.context import AppContext
from pc_worker.http.event_streams import KEEP_ALIVE, ServerEvent, event_stream


def context() -> AppContext:
    return cast(AppContext, SimpleNamespace(stopping=asyncio.Event()))


async def parts(response: Any) -> list[str]:
    return [part.decode() async for part in response.body_iterator]


async def test_events_are_sent_in_order() -> None:
    async def events() -> AsyncGenerator[ServerEvent, None]:
        yield ServerEvent(event="progress", data={"rows": 1}, id="1")
        yield ServerEvent(raw="[DONE]")

    response = await event_stream(context(), events())

    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["content-type"].startswith("text/event-stream")
    assert await parts(response) == ['event: progress\ndata: {"rows":1}\nid: 1\n\n', "data: [DONE]\n\n"]


async def test_what_fails_before_the_first_event_has_its_status() -> None:
    async def events() -> AsyncGenerator[ServerEvent, None]:
        raise NotFound("there is no such job")
        yield ServerEvent()

    with pytest.raises(NotFound):
        await event_stream(context(), events())


@pytest.mark.parametrize(
    ("error", "code"), [(Unavailable("PostgreSQL is away"), "unavailable"), (KeyError(1), "internal")]
)
async def test_what_fails_later_is_an_event(error: Exception, code: str) -> None:
    async def events() -> AsyncGenerator[ServerEvent, None]:
        yield ServerEvent(data=1)
        raise error

    _, last = await parts(await event_stream(context(), events()))
    name, data = last.splitlines()[:2]

    assert name == "event: error"
    assert json.loads(data.removeprefix("data: "))["code"] == code


async def test_silence_is_filled_with_comments_and_no_event_is_lost() -> None:
    going = asyncio.Event()

    async def events() -> AsyncGenerator[ServerEvent, None]:
        yield ServerEvent(data=1)
        await going.wait()
        yield ServerEvent(data=2)

    seen = []
    async for part in (await event_stream(context(), events(), silence_s=0.01)).body_iterator:
        seen.append(part)
        if part == KEEP_ALIVE:
            going.set()

    assert [part for part in seen if part != KEEP_ALIVE] == [b"data: 1\n\n", b"data: 2\n\n"]
    assert KEEP_ALIVE in seen


async def test_the_shutdown_ends_a_silent_stream_with_an_event_and_closes_its_source() -> None:
    closed = asyncio.Event()

    async def events() -> AsyncGenerator[ServerEvent, None]:
        try:
            yield ServerEvent(data=1)
            await asyncio.Event().wait()
        finally:
            closed.set()

    shared = context()
    body = cast(Any, (await event_stream(shared, events())).body_iterator)
    await anext(body)
    shared.stopping.set()
    rest = [part.decode() async for part in body]

    assert "stopping" in rest[-1]
    assert rest[-1].startswith("event: error\n")
    assert closed.is_set()


async def test_a_client_that_goes_closes_the_source() -> None:
    closed = asyncio.Event()

    async def events() -> AsyncGenerator[ServerEvent, None]:
        try:
            yield ServerEvent(data=1)
            await asyncio.Event().wait()
        finally:
            closed.set()

    body = cast(Any, (await event_stream(context(), events())).body_iterator)
    await anext(body)
    await body.aclose()

    assert closed.is_set()
