"""The gateway's server: its start, its calls, and a shutdown that lets streams finish."""

from __future__ import annotations

import asyncio
import ctypes
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import grpc.aio
import structlog

from pc_worker.garbage_collection import end_of_start
from pc_worker.gateway.auth import Access
from pc_worker.gateway.calls.consume.call import ConsumeCall
from pc_worker.gateway.calls.health import SERVICE_NAME as HEALTH
from pc_worker.gateway.calls.health import Health
from pc_worker.gateway.calls.reflection import SERVICE_NAME as REFLECTION
from pc_worker.gateway.calls.reflection import Reflection
from pc_worker.gateway.calls.search import SearchCall
from pc_worker.gateway.calls.stream_embedding import EmbeddingStream
from pc_worker.gateway.config import GatewayConfig, OnReady, SearchFunction
from pc_worker.gateway.context import GatewayContext, Shutdown
from pc_worker.gateway.limits.admission import Admission, Serve
from pc_worker.gateway.limits.quota import Quota, QuotaLimits
from pc_worker.gateway.listen import open_addresses, server_options
from pc_worker.gateway.log.notify import DatabaseWatch
from pc_worker.gateway.supervision import log_unhandled
from pc_worker.hot_buffer import AsyncHotBuffer, open_hot_buffer
from pc_worker.store.log.read import Delivery, open_pool
from pc_worker.store.log.subscription_leases import Subscriptions
from pc_worker.urls import read_database_url
from pc_worker.wire.generated import embedding_stream_pb2 as pb

log = structlog.get_logger()

SERVICE = pb.DESCRIPTOR.services_by_name["EmbeddingStreamService"].full_name
#: Seconds after the streams have stopped until calls with a frozen client are cancelled.
CUT_S = 3.0
#: An entry has a few MB at most, on a near server: a slower answer counts as unavailable.
QUEUE_TIMEOUT_S = 2.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Parameters of glibc's mallopt, from malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
MIB = 1024 * 1024


async def serve(
    config: GatewayConfig, *, search: SearchFunction | None = None, on_ready: OnReady | None = None
) -> None:
    """Serve until SIGTERM, SIGINT or cancellation; then finish the present frames and return within 15 s.

    The database and Redis may be unavailable at any time: until the database answers again, health is NOT_SERVING and
    calls end with UNAVAILABLE.

    Raises:
        InvalidRequest: If an address, TLS file or token setting is invalid.
        Unavailable: If an address is in use.
    """
    _keep_freed_memory()
    asyncio.get_running_loop().set_exception_handler(log_unhandled)
    asked = _stop_asked()
    async with AsyncExitStack() as stack:
        health = Health((SERVICE,))
        gateway = await _open_context(config, health, stack)
        access = Access(token=config.token, tokens=config.tokens, path=config.tokens_file)
        streams = Quota(_quota_limits(config))
        server = grpc.aio.server(options=server_options(config, access))
        addresses = open_addresses(server, config, access)
        admission = Admission(access, first_message_s=config.first_message_s)
        _register(server, admission, _calls(gateway, search), streams)
        _register_side_calls(server, admission, health, config)
        await server.start()
        log.info("gateway_listening", addresses=addresses)
        async with gateway.watch.running(), _stopping_cleanly(server, gateway, health, streams):
            end_of_start()  # measured: with Python's default, an eighth of the time of a message goes to collections
            if on_ready is not None:
                on_ready(addresses)
            await asked.wait()


def _keep_freed_memory() -> None:
    """Use one heap, and return memory to the system only beyond 32 MB: otherwise every message is paged in again.

    Measured: this saves a quarter of the time of a message from the hot buffer. No effect without glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, 32 * MIB)
        mallopt(M_TRIM_THRESHOLD, 32 * MIB)


async def _open_context(config: GatewayConfig, health: Health, stack: AsyncExitStack) -> GatewayContext:
    pool = await open_pool(config.database_url, connections=config.database_connections)
    queue = None if config.redis_url is None else _queue(config.redis_url, stack)
    stack.callback(pool.terminate)
    delivery = Delivery(pool, wait_s=read_database_url(config.database_url).connect_all_s)
    return GatewayContext(
        config=config,
        delivery=delivery,
        subscriptions=Subscriptions(delivery, most=config.max_subscriptions),
        watch=DatabaseWatch(config.database_url, health.set, on_loss=pool.expire_connections),
        queue=queue,
        shutdown=Shutdown(),
    )


def _queue(redis_url: str, stack: AsyncExitStack) -> AsyncHotBuffer:
    queue = AsyncHotBuffer(open_hot_buffer(redis_url, max_bytes=0, timeout_s=QUEUE_TIMEOUT_S))
    stack.callback(queue.close)
    return queue


def _quota_limits(config: GatewayConfig) -> QuotaLimits:
    return QuotaLimits(most=config.max_streams, per_token=config.streams_per_token, per_host=config.streams_per_host)


def _calls(gateway: GatewayContext, search: SearchFunction | None) -> dict[str, Serve]:
    calls: dict[str, Serve] = {
        "StreamEmbedding": EmbeddingStream(gateway).serve,
        "Consume": ConsumeCall(gateway).serve,
    }
    return calls if search is None else {**calls, "Search": SearchCall(gateway, search).serve}


def _register(server: grpc.aio.Server, admission: Admission, calls: Mapping[str, Serve], streams: Quota) -> None:
    handlers = {name: admission.handler(name, serve, streams) for name, serve in calls.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


def _register_side_calls(server: grpc.aio.Server, admission: Admission, health: Health, config: GatewayConfig) -> None:
    # With their own quota: a health check must be answered when all streams are in use.
    one = config.side_calls_per_caller
    quota = Quota(QuotaLimits(most=config.side_calls, per_token=one, per_host=one), what="health and reflection calls")
    asked = {
        "Check": admission.handler("Check", health.check, quota, known=False),
        "Watch": admission.handler("Watch", health.watch, quota, known=False),
    }
    reflection = Reflection((SERVICE, HEALTH, REFLECTION))
    described = {"ServerReflectionInfo": admission.handler("ServerReflectionInfo", reflection.serve, quota)}
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(HEALTH, asked),
            grpc.method_handlers_generic_handler(REFLECTION, described),
        )
    )


@asynccontextmanager
async def _stopping_cleanly(
    server: grpc.aio.Server, gateway: GatewayContext, health: Health, streams: Quota
) -> AsyncIterator[None]:
    try:
        yield
    finally:
        log.info("gateway_stopping")
        health.end()
        drain_s = gateway.config.drain_s
        await asyncio.gather(server.stop(drain_s + CUT_S), gateway.shutdown.drain(streams, timeout_s=drain_s))
        log.info("gateway_stopped")


def _stop_asked() -> asyncio.Event:
    # The handlers stay to the end: a second signal must not kill the process while streams finish.
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, asked.set)
    return asked
