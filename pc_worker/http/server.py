"""The HTTP server: its start, and a shutdown that ends every stream cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

import redis.asyncio
import structlog
import uvicorn

from pc_worker.access import TokenTable
from pc_worker.access.exposure import check_exposure
from pc_worker.access.tls import read_tls
from pc_worker.errors import InvalidRequest, Unavailable
from pc_worker.http.app import create_app
from pc_worker.http.protocol import MAX_CONNECTIONS, BoundedProtocol
from pc_worker.http.requests.authentication import Authenticator
from pc_worker.http.requests.context import AppContext, JobQueue
from pc_worker.http.requests.limits import Limiter, Quotas, RateLimits
from pc_worker.http.service_threads import ServiceThreads
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.uploads import UploadFolder, UploadLimits
from pc_worker.settings import Settings, split_address
from pc_worker.store.db.connection import Database
from pc_worker.store.log.read import Delivery, open_pool
from pc_worker.urls import read_database_url, read_redis_url
from pc_worker.wiring import endpoints, make_services

log = structlog.get_logger(__name__)

#: Called once the server listens, with its addresses and their real ports.
OnReady = Callable[[tuple[str, ...]], None]

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
#: Seconds that requests may continue after SIGTERM; streams end at once.
DRAIN_S = 8
KEEP_ALIVE_S = 65
MAX_HEADER_BYTES = 32 * 1024
BACKLOG = 512
SERVICE_THREADS, SERVICE_S = 8, 60.0
SEARCH_S = 120.0
#: Calls that wait for a thread, for each thread.
WAITING = 16
POOL_CONNECTIONS = 4
#: Redis is near, and limits are kept without it: no request waits for it longer.
REDIS_TIMEOUT_S = 1.0


async def serve(settings: Settings, queue: JobQueue, *, on_ready: OnReady | None = None) -> None:
    """Serve until SIGTERM or SIGINT; then end streams, finish requests, and return within some seconds.

    PostgreSQL and Redis may be unavailable at any time: requests that need them end with 503 then.

    Raises:
        InvalidRequest: If an address, TLS file or token setting is invalid.
        Unavailable: If an address is in use.
    """
    _allow_connections()
    authenticator = _authenticator(settings)
    _check_exposure(settings, known=authenticator.required or settings.tls_client_ca is not None)
    async with AsyncExitStack() as stack:
        context = await _open_context(settings, authenticator, queue, stack)
        server = QuietServer(_config(settings, context))
        sockets = [_listen(address) for address in settings.http_addresses]
        addresses = tuple(map(_address_of, sockets))
        _stop_on_signals(server, context.stopping)
        log.info("http_listening", addresses=addresses)
        serving = asyncio.ensure_future(server.serve(sockets))
        if on_ready is not None:
            on_ready(addresses)
        await serving
        log.info("http_stopped")


class QuietServer(uvicorn.Server):
    """Uvicorn's server without its signal handlers, which end the process by the signal again after the shutdown."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to ``serve``."""
        yield


def _allow_connections() -> None:
    """Allow as many open files as the system does: each connection takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS if hard == resource.RLIM_INFINITY else min(2 * MAX_CONNECTIONS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _authenticator(settings: Settings) -> Authenticator:
    token = settings.token.get_secret_value() if settings.token else None
    tokens = TokenTable(token=token, path=settings.tokens_file)
    if settings.jwt_jwks is None:
        return Authenticator(tokens)
    from pc_worker.access.jwks import KeySet  # with the library of signatures, which most installations do not need
    from pc_worker.access.jwts import JwtVerifier

    keys = KeySet(settings.jwt_jwks)
    keys.check()
    return Authenticator(
        tokens, JwtVerifier(keys, issuer=settings.jwt_issuer or "", audience=settings.jwt_audience or "")
    )


def _check_exposure(settings: Settings, *, known: bool) -> None:
    tls = settings.tls_cert is not None
    for address in settings.http_addresses:
        check_exposure("http", address, tls=tls, known=known, insecure=settings.insecure)


async def _open_context(
    settings: Settings, authenticator: Authenticator, queue: JobQueue, stack: AsyncExitStack
) -> AppContext:
    where = endpoints(settings)
    database = read_database_url(where.database_url)
    pool = await open_pool(where.database_url, connections=POOL_CONNECTIONS)
    stack.callback(pool.terminate)
    client = redis.asyncio.Redis(
        **read_redis_url(where.redis_url).for_redis_py(),
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
    )
    stack.push_async_callback(client.aclose)
    shared = make_services(settings, application="pc_worker http")
    services, searches = _threads(shared, where.database_url)
    stack.callback(services.close)
    stack.callback(searches.close)
    return AppContext(
        settings=settings,
        authenticator=authenticator,
        services=services,
        searches=searches,
        delivery=Delivery(pool, wait_s=database.connect_all_s),
        redis=client,
        limiter=Limiter(client, _rate_limits(settings)),
        quotas=Quotas.of(settings, searches_per_caller=max(2, (os.cpu_count() or 1) // 2)),
        uploads=UploadFolder(
            settings.upload_folder,
            UploadLimits(one=settings.upload_max_bytes, total=settings.uploads_max_bytes),
        ),
        queue=queue,
        stopping=asyncio.Event(),
    )


def _threads(shared: Services, database_url: str) -> tuple[ServiceThreads, ServiceThreads]:
    """Return the threads of calls, and those of searches, which only read."""
    calls = ServiceThreads(
        "calls",
        partial(_own, shared, database_url),
        threads=SERVICE_THREADS,
        waiting=WAITING * SERVICE_THREADS,
        within_s=SERVICE_S,
    )
    searching = max(8, os.cpu_count() or 1)
    searches = ServiceThreads(
        "searches",
        partial(_own, shared, database_url, read_only=True),
        threads=searching,
        waiting=WAITING * searching,
        within_s=SEARCH_S,
    )
    return calls, searches


def _rate_limits(settings: Settings) -> RateLimits:
    return RateLimits(
        per_token=settings.http_requests_per_token,
        per_address=settings.http_requests_per_address,
        search_cost=settings.http_search_cost,
    )


def _own(shared: Services, database_url: str, *, read_only: bool = False) -> Services:
    """Return the dependencies of one thread: its own connection, and the encoders that all threads share."""
    name = "pc_worker http search" if read_only else "pc_worker http"
    return replace(shared, database=Database(database_url, application=name, read_only=read_only))


def _config(settings: Settings, context: AppContext) -> uvicorn.Config:
    client_ca = settings.tls_client_ca
    if settings.tls_cert is not None and settings.tls_key is not None:
        read_tls(settings.tls_cert, settings.tls_key, client_ca)
    config = uvicorn.Config(
        create_app(context),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.http_proxies),
        forwarded_allow_ips=list(settings.http_proxies),
        ws="none",
        lifespan="on",
        loop="asyncio",
        http=BoundedProtocol,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        ssl_ca_certs=None if client_ca is None else str(client_ca),
        ssl_cert_reqs=ssl.CERT_NONE if client_ca is None else ssl.CERT_REQUIRED,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as exc:
        raise InvalidRequest(f"PC_WORKER_TLS_CERT and PC_WORKER_TLS_KEY do not work: {exc}") from exc
    return config


def _listen(address: str) -> socket.socket:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise Unavailable(
            f"cannot listen on {address} ({reason}): stop what listens there, or set PC_WORKER_HTTP_ADDRESS"
        ) from exc


def _address_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _stop_on_signals(server: uvicorn.Server, stopping: asyncio.Event) -> None:
    # The handlers stay to the end: a second signal must not kill the process while requests finish.
    def stop() -> None:
        stopping.set()
        server.should_exit = True

    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop)
