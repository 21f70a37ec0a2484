"""A handler that is marked so ends when its client goes; its result would be read by none."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from pc_worker.http.requests.connections import ends_with_client, while_connected
from pc_worker.http.routers import ROUTERS

BODY: dict[str, object] = {"type": "http.request", "body": b"{}", "more_body": False}
GONE: dict[str, object] = {"type": "http.disconnect"}


def request(messages: asyncio.Queue[dict[str, object]]) -> Request:
    messages.put_nowait(BODY)
    return Request({"type": "http", "headers": []}, messages.get)


class Waiting:
    """A handler that waits without end, and notes that it has begun and ended."""

    def __init__(self) -> None:
        self.begun, self.ended = asyncio.Event(), asyncio.Event()

    async def __call__(self, _: Request) -> Response:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        return Response()


async def test_the_handler_is_cancelled_when_the_client_goes() -> None:
    messages: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    handler = Waiting()
    answering = asyncio.create_task(while_connected(handler, request(messages)))
    await handler.begun.wait()
    messages.put_nowait(BODY | {"body": b""})
    messages.put_nowait(GONE)

    with pytest.raises(ClientDisconnect):
        await answering
    assert handler.ended.is_set()


async def test_a_client_that_stays_gets_the_response_or_the_error() -> None:
    async def handler(read: Request) -> Response:
        return Response(await read.body())

    async def broken(_: Request) -> Response:
        raise KeyError(1)

    assert (await while_connected(handler, request(asyncio.Queue()))).body == b"{}"
    with pytest.raises(KeyError):
        await while_connected(broken, request(asyncio.Queue()))


async def test_a_handler_that_is_cancelled_itself_leaves_nothing_behind() -> None:
    handler = Waiting()
    answering = asyncio.create_task(while_connected(handler, request(asyncio.Queue())))
    await handler.begun.wait()
    answering.cancel()

    with pytest.raises(asyncio.CancelledError):
        await answering
    assert handler.ended.is_set()


def test_what_costs_much_ends_with_its_client_and_what_acts_on_all_does_not() -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]

    assert {route.path for route in routes if ends_with_client(route.dependant)} == {
        "/v1/search",
        "/v1/vector_stores/{domain}/search",
        "/retrieval",
        "/v1/embeddings",
        "/v1/answers",
        "/v1/chat/completions",
        "/search",
        "/ask",
    }
