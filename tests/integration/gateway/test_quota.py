"""No client takes what others need: streams, silence, searches, subscriptions, and metrics have bounds."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import psycopg2
import pytest
from grpc_health.v1 import health_pb2
from prometheus_client import REGISTRY, generate_latest

from pc_worker.access import Grant
from pc_worker.gateway import GatewayConfig
from pc_worker.store.db.connection import Database
from pc_worker.store.search.cancel import Stop
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.integration.gateway.client import SERVICE, stream
from tests.integration.gateway.conftest import Neighbours, config_for, is_serving, running_gateway, until
from tests.integration.gateway.consumer import Consumer, consuming

CODE = grpc.StatusCode
HEALTH = "/grpc.health.v1.Health"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
GREEDY, MODEST = ([("authorization", f"Bearer {name}")] for name in ("greedy", "modest"))
EVERY_CALL = [f"{SERVICE}/{name}" for name in ("StreamEmbedding", "Consume", "Search")]
EVERY_CALL += [f"{HEALTH}/Check", f"{HEALTH}/Watch", REFLECTION]


def two_tokens(neighbours: Neighbours, **changes: Any) -> GatewayConfig:
    tokens = {
        hashlib.sha256(name.encode()).hexdigest(): Grant(None, frozenset({"law"})) for name in ("greedy", "modest")
    }
    return config_for(neighbours, tokens=tokens, **changes)


def nothing_found(asked: Mapping[str, Any], *, stop: Stop) -> Mapping[str, Any]:
    return {"query": "", "domain": "law", "mode": "text", "took_ms": stop.left_s(), "hits": []}


async def status_of(started: Any) -> tuple[grpc.StatusCode, str]:
    """Read a call to its end, and return its status."""
    try:
        while await started.read() is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as exc:
        return exc.code(), exc.details() or ""
    return CODE.OK, ""


@pytest.mark.parametrize("method", EVERY_CALL)
async def test_a_call_that_sends_no_message_is_ended(neighbours: Neighbours, method: str) -> None:
    config = two_tokens(neighbours, first_message_s=0.3)
    async with running_gateway(config, search=nothing_found) as address, grpc.aio.insecure_channel(address) as channel:
        silent = channel.stream_stream(method)(metadata=GREEDY)

        code, details = await status_of(silent)

    assert (code, "sent no message" in details) == (CODE.DEADLINE_EXCEEDED, True)


@pytest.mark.parametrize("method", EVERY_CALL)
async def test_a_call_that_ends_before_its_first_message_is_rejected(neighbours: Neighbours, method: str) -> None:
    async with (
        running_gateway(config_for(neighbours), search=nothing_found) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        empty = channel.stream_stream(method)()
        await empty.done_writing()

        code, _ = await status_of(empty)

    assert code == CODE.INVALID_ARGUMENT


async def test_a_silent_call_without_a_token_is_rejected_at_once(neighbours: Neighbours) -> None:
    async with (
        running_gateway(two_tokens(neighbours, first_message_s=3600)) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        code, _ = await status_of(channel.stream_stream(f"{SERVICE}/Consume")())

    assert code == CODE.UNAUTHENTICATED


async def test_silent_and_idle_calls_of_one_token_leave_the_other_its_stream(neighbours: Neighbours) -> None:
    log = neighbours.log("law")
    log.write(range(300))
    config = two_tokens(neighbours, max_streams=12, streams_per_token=8, streams_per_host=12, first_message_s=3600)
    async with running_gateway(config) as address, AsyncExitStack() as stack:
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        silent = [channel.stream_stream(f"{SERVICE}/Consume")(metadata=GREEDY) for _ in range(4)]
        for one in silent:
            await one.wait_for_connection()  # its headers are on their way, before those of the others
        idle = [Consumer(channel.stream_stream(f"{SERVICE}/Consume")(metadata=GREEDY)) for _ in range(4)]
        for number, each in enumerate(idle):
            await each.say(open=pb.ConsumeOpen(domain="law", subscription=f"s{number}"))
            await each.until("opened")

        greedy = await stream(address, domain="law", metadata=GREEDY)
        modest = await stream(address, domain="law", metadata=MODEST)
        for one in silent:
            one.cancel()
        for each in idle:
            await each.close()
        later = await stream(address, domain="law", metadata=GREEDY)

    assert (greedy.code, "its share" in greedy.details) == (CODE.RESOURCE_EXHAUSTED, True)
    assert (modest.rows, later.code) == (log.rows, CODE.OK)


async def test_health_answers_when_the_quota_of_streams_is_used_up(neighbours: Neighbours) -> None:
    neighbours.log("law").write(range(1))
    async with running_gateway(config_for(neighbours, max_streams=1)) as address, consuming(address) as idle:
        await idle.until("opened")
        refused = await stream(address, domain="law")

        await until(lambda: is_serving(address))

    assert refused.code == CODE.RESOURCE_EXHAUSTED


async def test_watchers_of_health_have_a_quota(neighbours: Neighbours) -> None:
    request = health_pb2.HealthCheckRequest().SerializeToString()
    config = config_for(neighbours, side_calls_per_caller=3)
    async with running_gateway(config) as address, grpc.aio.insecure_channel(address) as channel:
        watching = [channel.unary_stream(f"{HEALTH}/Watch")(request) for _ in range(3)]
        for one in watching:
            await one.read()

        code, _ = await status_of(channel.unary_stream(f"{HEALTH}/Watch")(request))

    assert code == CODE.RESOURCE_EXHAUSTED


async def test_a_domain_has_a_limit_of_subscriptions_and_existing_ones_continue(neighbours: Neighbours) -> None:
    log = neighbours.log("law")
    log.write(range(10))

    async def opened(address: str, name: str) -> grpc.StatusCode:
        async with consuming(address, subscription=name) as consumer:
            try:
                await consumer.until("opened")
            except grpc.aio.AioRpcError as exc:
                return exc.code()
            await consumer.close()
        return CODE.OK

    async with running_gateway(config_for(neighbours, max_subscriptions=2)) as address:
        codes = [await opened(address, name) for name in ("a", "b", "c", "a", "b")]
        with log.connection, log.connection.cursor() as cursor:
            cursor.execute("DELETE FROM subscriptions WHERE name = 'a'")
        codes.append(await opened(address, "c"))

    assert codes == [CODE.OK, CODE.OK, CODE.RESOURCE_EXHAUSTED, CODE.OK, CODE.OK, CODE.OK]


@pytest.mark.parametrize("name", ["s\n", "s ", "", "a/b", "x" * 101, "é", "s\r", "a\nb"])
async def test_an_invalid_name_of_a_subscription_is_rejected(neighbours: Neighbours, gateway: str, name: str) -> None:
    neighbours.log("law").write(range(1))
    async with consuming(gateway, subscription=name) as consumer:
        code = await consumer.ended()

    assert code == CODE.INVALID_ARGUMENT


async def test_consumers_that_come_and_go_leave_no_series(neighbours: Neighbours, gateway: str) -> None:
    neighbours.log("law").write(range(5))

    async def visit(name: str) -> None:
        async with consuming(gateway, subscription=name) as consumer:
            await consumer.until("end_of_log")
            await consumer.close()

    await visit("first")
    before = _series()
    for number in range(20):
        await visit(f"made-up-{number}")

    assert _series() == before
    assert REGISTRY.get_sample_value("pcw_gateway_consumer_credit_chunks", {"domain": "law"}) == 0


def _series() -> int:
    return sum(line.startswith(b"pcw_gateway") for line in generate_latest().splitlines())


class Sleeping:
    """A search that sleeps in PostgreSQL until it is ended; counts how many sleep at once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self.asleep = self.most = 0

    def __call__(self, asked: Mapping[str, Any], *, stop: Stop) -> Mapping[str, Any]:
        with self._lock:
            self.asleep += 1
            self.most = max(self.most, self.asleep)
        database = Database(self._url, application="sleeping search")
        try:
            with stop.watching(database), database.transaction() as cursor:
                cursor.execute("SELECT pg_sleep(%s)", (3600 if asked["query"] == "sleep" else 0,))
        finally:
            database.close()
            with self._lock:
                self.asleep -= 1
        return nothing_found(asked, stop=stop)

    async def none_left(self) -> bool:
        """Return whether PostgreSQL runs none of them any more."""
        await asyncio.sleep(0)
        connection = psycopg2.connect(self._url)
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sleeping search' AND state = 'active'"
            )
            found = cursor.fetchone()
        connection.close()
        return found == (0,) and self.asleep == 0


@asynccontextmanager
async def searching(neighbours: Neighbours, **changes: Any) -> AsyncIterator[tuple[Sleeping, Callable[..., Any]]]:
    sleeping = Sleeping(neighbours.database_url)
    async with (
        running_gateway(two_tokens(neighbours, **changes), search=sleeping) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):

        def ask(query: str, metadata: Any, **options: Any) -> Any:
            request = pb.SearchRequest(query=query, domain="law").SerializeToString()
            return channel.unary_unary(f"{SERVICE}/Search")(request, metadata=metadata, **options)

        yield sleeping, ask


async def test_a_search_ends_in_the_database_when_its_caller_goes(neighbours: Neighbours) -> None:
    async with searching(neighbours) as (sleeping, ask):
        asked = ask("sleep", GREEDY)
        await until(lambda: _asleep(sleeping, 1))

        asked.cancel()

        await until(sleeping.none_left)


async def test_a_search_ends_in_the_database_when_its_deadline_passes(neighbours: Neighbours) -> None:
    async with searching(neighbours) as (sleeping, ask):
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await ask("sleep", GREEDY, timeout=1)

        await until(sleeping.none_left)

    assert ended.value.code() == CODE.DEADLINE_EXCEEDED


async def test_a_search_that_takes_too_long_ends_with_deadline_exceeded(neighbours: Neighbours) -> None:
    async with searching(neighbours, search_s=0.5) as (sleeping, ask):
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await ask("sleep", GREEDY)

        await until(sleeping.none_left)

    assert (ended.value.code(), "ask for less" in str(ended.value.details())) == (CODE.DEADLINE_EXCEEDED, True)


async def test_searches_of_one_token_wait_for_each_other_and_another_token_does_not(neighbours: Neighbours) -> None:
    async with searching(neighbours, searches=4, searches_per_caller=2) as (sleeping, ask):
        greedy = [asyncio.ensure_future(ask("sleep", GREEDY)) for _ in range(10)]
        await until(lambda: _asleep(sleeping, 2))

        await ask("quick", MODEST)

        for asked in greedy:
            asked.cancel()
        await until(sleeping.none_left)

    assert sleeping.most <= 3


async def _asleep(sleeping: Sleeping, number: int) -> bool:
    await asyncio.sleep(0)
    return sleeping.asleep == number
