"""Putting the gateway together, running it, and ending it without cutting off what can still be finished."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2_grpc

from pc_worker.errors import InvalidRequest
from pc_worker.gateway.access import Access
from pc_worker.gateway.allocation import keep_freed_memory
from pc_worker.gateway.config import GatewayConfig, OnReady, SearchFunction
from pc_worker.gateway.consume import ConsumeCall
from pc_worker.gateway.listening import SERVER_OPTIONS, open_addresses
from pc_worker.gateway.parts import Parts, Streams
from pc_worker.gateway.reflection import SERVICE_NAME, GuardedReflection
from pc_worker.gateway.search import SearchCall
from pc_worker.gateway.stream import EmbeddingStream
from pc_worker.gateway.watch import Watch
from pc_worker.generated import embedding_stream_pb2 as pb
from pc_worker.queue import AsyncQueue, open_queue
from pc_worker.store.delivery import Delivery, open_pool
from pc_worker.store.delivery_subscriptions import Subscriptions

log = structlog.get_logger()

SERVICE = pb.DESCRIPTOR.services_by_name["EmbeddingStreamService"].full_name
#: After the streams have stopped, calls that hang on a frozen client are cut.
CUT_S = 3.0
#: An entry is at most a few MB and next door: slower than this is as good as away.
QUEUE_TIMEOUT_S = 2.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def serve(
    config: GatewayConfig, *, search: SearchFunction | None = None, on_ready: OnReady | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, or until cancelled; then finish frames and end within 15 s.

    The database and Redis may be away, now or later: health says NOT_SERVING and calls UNAVAILABLE until the database
    is back.

    Raises:
        InvalidRequest: If an address, TLS file or token setting is no good.
        Unavailable: If an address is taken.
    """
    keep_freed_memory()
    async with AsyncExitStack() as stack:
        state = health.aio.HealthServicer()
        await _set_serving(state, False)
        watch = Watch(config.database_url, lambda serving: _set_serving(state, serving))
        parts = await _parts(config, watch, stack)
        server = grpc.aio.server(options=SERVER_OPTIONS)
        addresses = open_addresses(server, config, parts.access)
        _register(server, parts, state, search)
        await server.start()
        log.info("gateway_listening", addresses=addresses)
        async with watch.running(), _stopping_cleanly(server, parts, state):
            if on_ready is not None:
                on_ready(addresses)
            await _stop_signal()


async def _parts(config: GatewayConfig, watch: Watch, stack: AsyncExitStack) -> Parts:
    try:
        pool = await open_pool(config.database_url, connections=config.database_connections)
        queue = None if config.redis_url is None else _queue(config.redis_url, stack)
    except ValueError as exc:
        raise InvalidRequest(f"PC_WORKER_DATABASE_URL or PC_WORKER_REDIS_URL is not a URL: {exc}") from exc
    stack.callback(pool.terminate)
    access = Access(token=config.token, tokens=config.tokens)
    delivery = Delivery(pool)
    return Parts(
        config=config,
        delivery=delivery,
        subscriptions=Subscriptions(delivery),
        watch=watch,
        queue=queue,
        access=access,
        streams=Streams(config.max_streams),
    )


def _queue(redis_url: str, stack: AsyncExitStack) -> AsyncQueue:
    queue = AsyncQueue(open_queue(redis_url, max_bytes=0, timeout_s=QUEUE_TIMEOUT_S))
    stack.callback(queue.close)
    return queue


def _register(
    server: grpc.aio.Server, parts: Parts, state: health.aio.HealthServicer, search: SearchFunction | None
) -> None:
    # Without serialisers gRPC hands bytes through: no message object is made of what is already bytes.
    calls: dict[str, Any] = {
        "StreamEmbedding": grpc.unary_stream_rpc_method_handler(EmbeddingStream(parts).__call__),
        "Consume": grpc.stream_stream_rpc_method_handler(ConsumeCall(parts).__call__),
    }
    if search is not None:
        calls["Search"] = grpc.unary_unary_rpc_method_handler(SearchCall(parts, search).__call__)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, calls),))
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    services = (SERVICE, health.SERVICE_NAME, SERVICE_NAME)
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(GuardedReflection(services, parts.access), server)


async def _set_serving(state: health.aio.HealthServicer, serving: bool) -> None:
    statuses = health_pb2.HealthCheckResponse
    status = statuses.SERVING if serving else statuses.NOT_SERVING
    for service in ("", SERVICE):
        await state.set(service, status)


@asynccontextmanager
async def _stopping_cleanly(
    server: grpc.aio.Server, parts: Parts, state: health.aio.HealthServicer
) -> AsyncIterator[None]:
    try:
        yield
    finally:
        log.info("gateway_stopping")
        await state.enter_graceful_shutdown()
        patience_s = parts.config.drain_s
        await asyncio.gather(server.stop(patience_s + CUT_S), parts.streams.close(patience_s))
        log.info("gateway_stopped")


async def _stop_signal() -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, asked.set)
    try:
        await asked.wait()
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
