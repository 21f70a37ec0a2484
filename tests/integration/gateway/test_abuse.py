"""A client that does not speak our protocol is denied, without effect on others."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import grpc
import grpc.aio
import pytest

from tests.integration.gateway.client import SERVICE, stream
from tests.integration.gateway.conftest import Neighbours

#: For both ends of a thousand connections, and what else is open.
ENOUGH_FILES = 2200
GARBAGE = [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00",
    b"\x00" * 4096,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff",
]


@pytest.fixture
def connections() -> int:
    """Return as many as this process may open, a thousand at most; both ends live in it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < ENOUGH_FILES:
        soft = ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, ENOUGH_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(1000, (soft - 200) // 2)


@pytest.fixture
def intruders(gateway: str, connections: int) -> Iterator[list[socket.socket]]:
    host, _, port = gateway.rpartition(":")
    with ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection((host, int(port)), timeout=30)) for _ in range(connections)]


async def test_a_thousand_connections_and_garbage_disturb_no_other_client(
    neighbours: Neighbours, gateway: str, intruders: list[socket.socket]
) -> None:
    log = neighbours.log("recruit")
    log.write(range(300))
    for number, intruder in enumerate(intruders[::2]):
        intruder.sendall(GARBAGE[number % len(GARBAGE)])

    received = await stream(gateway, domain="recruit")

    assert received.rows == log.rows


async def test_an_oversized_request_is_rejected(gateway: str) -> None:
    async with grpc.aio.insecure_channel(gateway) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_stream(f"{SERVICE}/StreamEmbedding")(b"\x0a" + b"x" * 2_000_000).read()

    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_oversized_metadata_is_rejected(gateway: str) -> None:
    async with grpc.aio.insecure_channel(gateway) as channel:
        call = channel.unary_stream(f"{SERVICE}/StreamEmbedding")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(b"", metadata=[("x-long", "y" * 100_000)]).read()

    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
