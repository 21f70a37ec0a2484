"""A known domain whose log is not open yet is an empty stream, for a consumer as for everybody."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.integration.gateway.conftest import Neighbours, config_for, running_gateway
from tests.integration.gateway.consumer import consuming
from tests.integration.gateway.servers import Servers

CODE = grpc.StatusCode


async def test_a_consumer_receives_an_end_of_log_at_once(gateway: str) -> None:
    async with consuming(gateway, "document", heartbeat_s=1) as consumer:
        opened = await consumer.until("opened")
        end = await consumer.until("end_of_log")
        await consumer.ack(0)
        await consumer.until("heartbeat")
        trailers = await consumer.close()

    assert (opened.position, opened.head, opened.chunk_rows, opened.epoch) == (0, 0, 300, "")
    assert end == pb.ConsumeEndOfLog()
    assert trailers == trailers | {"pcw-rows": "0", "pcw-acked-position": "0", "pcw-head": "0"}


async def test_heartbeats_come_while_the_database_is_away(servers: Servers, gateway: str) -> None:
    async with consuming(gateway, "document", heartbeat_s=1) as consumer:
        await consumer.until("end_of_log")
        with servers.down("postgres"):
            for _ in range(3):
                await consumer.until("heartbeat")
        await consumer.until("heartbeat")
        await consumer.close()


async def test_the_first_rows_send_it_back_in_to_get_them(neighbours: Neighbours, gateway: str) -> None:
    async with consuming(gateway, "document") as consumer:
        await consumer.until("end_of_log")
        log = neighbours.log("document")
        await asyncio.to_thread(log.write, range(10))

        assert await consumer.ended() == CODE.UNAVAILABLE

    async with consuming(gateway, "document") as consumer:
        await consumer.until("end_of_log")

    assert consumer.rows == log.rows


@pytest.mark.parametrize(
    ("start", "code"),
    [
        pytest.param({"after_position": 1}, CODE.INVALID_ARGUMENT, id="position"),
        pytest.param({"after_uuid": "0190a5d4-7b1e-7c3a-9f5e-3f2b1c0d9e8f"}, CODE.NOT_FOUND, id="uuid"),
    ],
)
async def test_a_start_beyond_the_head_is_rejected(gateway: str, start: dict[str, Any], code: grpc.StatusCode) -> None:
    async with consuming(gateway, "document", **start) as consumer:
        assert await consumer.ended() == code


async def test_what_was_never_sent_cannot_be_acknowledged(gateway: str) -> None:
    async with consuming(gateway, "document") as consumer:
        await consumer.until("end_of_log")
        await consumer.ack(1)

        assert await consumer.ended() == CODE.INVALID_ARGUMENT


async def test_a_stopping_gateway_sends_it_elsewhere(neighbours: Neighbours) -> None:
    stack = AsyncExitStack()
    address = await stack.enter_async_context(running_gateway(config_for(neighbours)))

    async with consuming(address, "document") as consumer:
        await consumer.until("end_of_log")
        stopping = asyncio.create_task(stack.aclose())
        code = await consumer.ended()

    await stopping
    assert code == CODE.UNAVAILABLE
