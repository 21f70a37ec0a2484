"""The composition root: endpoints from settings or the running stack, then the services' dependencies.

The modules of a component are imported when it is created: most commands need only the database, and start at once.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pc_worker.embedded import read_addresses
from pc_worker.errors import PcWorkerError, ReadOnlyServer, Unavailable
from pc_worker.installation import project_file
from pc_worker.logs import get_logger
from pc_worker.object_urls import ObjectUrl, is_url, read_url
from pc_worker.services.dependencies import Services
from pc_worker.settings import Settings
from pc_worker.store.db.connection import Database
from pc_worker.urls import RedisServer, read_redis_url
from pc_worker.wiring.encoders import Encoders, check_query_domains, check_query_models

if TYPE_CHECKING:
    import redis

    from pc_worker.encoding.rerank import Reranker
    from pc_worker.hot_buffer import HotBuffer
    from pc_worker.object_store.copies import SharedCopies
    from pc_worker.services.maintenance.line_metrics import LineMetrics
    from pc_worker.services.sources import Sources

MIGRATIONS = project_file("migrations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The URLs of the two servers, and in which places the workers take sources if a stack of this HOME says so.

    ``redis`` is None if only the database is known: that is enough for what needs no more.
    """

    home: Path
    database_url: str
    redis: str | None
    data_roots: tuple[Path | ObjectUrl, ...] | None = None

    @property
    def redis_url(self) -> str:
        """The URL of Redis.

        Raises:
            Unavailable: If it is neither configured nor that of a running stack.
        """
        if self.redis is None:
            raise Unavailable(_nothing_runs(self.home))
        return self.redis


def endpoints(settings: Settings) -> Endpoints:
    """Return the configured servers, else those of the stack that runs under this HOME.

    Raises:
        Unavailable: If there is no database.
    """
    database_url = settings.database_url.get_secret_value() if settings.database_url else None
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    data_roots = None
    if database_url is None or redis_url is None:
        running = read_addresses(settings.home)
        if running is None:
            if database_url is None:
                raise Unavailable(_nothing_runs(settings.home))
            return Endpoints(home=settings.home, database_url=database_url, redis=redis_url)
        database_url, redis_url = database_url or running.database_url, redis_url or running.redis_url
        data_roots = tuple(read_url(root) if is_url(root) else Path(root) for root in running.data_roots) or None
    return Endpoints(home=settings.home, database_url=database_url, redis=redis_url, data_roots=data_roots)


def _nothing_runs(home: Path) -> str:
    return f"nothing runs under {home}: start it with `up`"


def broker(settings: Settings) -> RedisServer:
    """Return the Redis server of Celery's broker.

    Raises:
        Unavailable: If no servers are configured and none run under this HOME.
    """
    return read_redis_url(endpoints(settings).redis_url)


def redis_client(url: str) -> redis.Redis:
    """Return a client that answers or fails within seconds: its data is disposable or sent again."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis(
        **read_redis_url(url).for_redis_py(),
        socket_timeout=10,
        socket_connect_timeout=5,
        retry=Retry(NoBackoff(), 1),
        health_check_interval=25,
    )


def check_servers(settings: Settings, *, database: bool = True, broker: bool = True, patient: bool = False) -> None:
    """Check the requirements on the servers, so that a wrong server fails the start and not each task.

    With ``patient`` a server that does not answer is accepted: a running component waits for it.

    Raises:
        Unavailable: If a server does not answer, or takes no writes.
        NotServable: If a person must fix it.
    """
    from pc_worker.store.db.server import check_database

    where = endpoints(settings)
    checks: list[Callable[[], object]] = []
    if database:
        checks.append(lambda: check_database(where.database_url))
    if broker:
        checks.append(functools.partial(_check_redis, where.redis_url))
    for check in checks:
        try:
            check()
        except ReadOnlyServer:
            raise
        except Unavailable as exc:
            if not patient:
                raise
            get_logger(__name__).warning("server_away", reason=str(exc))


def warn_of_changed_domains(settings: Settings) -> None:
    """Warn of domains whose declaration changed or was removed; do nothing if the database is unavailable."""
    from pc_worker.services.declarations import changed_domains

    database = Database(endpoints(settings).database_url, application="pc_worker start")
    with contextlib.suppress(PcWorkerError):
        for state in changed_domains(database):
            get_logger(__name__).warning("domain_odd", domain=state.domain, state=state.state, what=state.what)
    database.close()


def _check_redis(url: str) -> None:
    from pc_worker.hot_buffer import check_redis

    with redis_client(url) as client:
        check_redis(client)


def encoders(settings: Settings) -> Encoders:
    """Return the encoders of a process; nothing is loaded before it is used."""
    try:
        where = endpoints(settings)
    except Unavailable:  # nothing runs
        return Encoders(settings)
    return _encoders_at(where, settings)


def _encoders_at(where: Endpoints, settings: Settings) -> Encoders:
    """Return encoders; the limits of engines are shared by all processes that have the Redis server."""
    client = None if where.redis is None else functools.partial(redis_client, where.redis)
    return Encoders(settings, redis_client=client)


def check_models(settings: Settings) -> None:
    """Check the models of queries, before a part starts that needs them.

    Raises:
        InvalidRequest: If one is not usable or does not fit its domain.
    """
    if settings.query_models:
        check_query_models(settings, encoders(settings))


def check_inbox(settings: Settings, *, strict: bool = False) -> None:
    """Check that files of the inbox would be ingested, before a part starts that scans it.

    A folder that is missing or cannot be listed is a warning: it may be made or mounted later, and each scan tries it
    again. With ``strict`` it is an error, and a prefix is listed, too.

    Raises:
        InvalidRequest: If it is outside the data roots; with ``strict``, if it is missing or cannot be listed.
        Unavailable: With ``strict``, if the store of a prefix does not answer.
    """
    inbox = settings.inbox
    if inbox is None:
        return
    from pc_worker.reader import Limits
    from pc_worker.services.ingest.inbox.check import check_place
    from pc_worker.services.sources import Sources

    with contextlib.suppress(PcWorkerError):  # nothing runs
        settings = _with_roots_of(endpoints(settings), settings)
    sources = Sources(settings.roots, url_roots=settings.url_roots, spool=settings.spool, limits=Limits())
    check_place(inbox, sources.is_allowed, strict=strict)


@functools.lru_cache(maxsize=1)
def reranker(settings: Settings) -> Reranker | None:
    """Return the reranker that all threads of a process share; None if none is configured."""
    if not settings.reranker:
        return None
    from pc_worker.encoding.rerank import load_reranker

    key = settings.reranker_key.get_secret_value() if settings.reranker_key else None
    return load_reranker(settings.reranker, key=key, timeout_s=settings.rerank_timeout_s, depth=settings.rerank_depth)


def make_services(settings: Settings, *, application: str = "pc_worker") -> Services:
    """Return the shared dependencies of a process; nothing is connected before it is used.

    Raises:
        InvalidRequest: If a setting names an unknown domain.
        Unavailable: If no servers are configured and none run under this HOME.
    """
    _check_rate_limits(settings)
    check_query_domains(settings)
    where = endpoints(settings)
    settings = _with_roots_of(where, settings)
    own = _encoders_at(where, settings)
    return Services(
        database=Database(where.database_url, application=application),
        make_hot_buffer=lambda: _hot_buffer(where.redis_url, max_bytes=settings.queue_max_bytes),
        make_sources=functools.partial(_make_sources, settings, where.database_url),
        encoder=own,
        identify=own.identify,
        reranker=reranker(settings),
        default_model=settings.model,
        budget_usd=settings.embeddings_budget_usd,
        lease_s=settings.lease_s,
        chunk_rows=settings.chunk_size,
        chunks_in_flight=settings.chunks_in_flight,
        rate_limits=dict(settings.rate_limits),
        spool=settings.spool,
        uploads=settings.upload_folder,
        shared_copies=shared_copies(settings),
    )


def _with_roots_of(where: Endpoints, settings: Settings) -> Settings:
    """Return the settings with the data roots of the running stack, whose working directory may be another one."""
    return settings if where.data_roots is None else settings.model_copy(update={"data_roots": where.data_roots})


def _make_sources(settings: Settings, database_url: str) -> Sources:
    from pc_worker.reader import Limits
    from pc_worker.services.sources import Sources

    shared = None
    if settings.url_roots:  # what is made of objects is shared by all machines, through its own connection
        from pc_worker.services.shared_spool import SharedSpool
        from pc_worker.store.source_indexes import SourceIndexes

        indexes = SourceIndexes(Database(database_url, application="pc_worker indexes"))
        shared = SharedSpool(indexes, shared_copies(settings))
    roots = (*settings.roots, settings.upload_folder.resolve())
    return Sources(roots, url_roots=settings.url_roots, spool=settings.spool, limits=Limits(), shared=shared)


def shared_copies(settings: Settings) -> SharedCopies | None:
    """Return where the machines share copies of objects; None if that is not configured."""
    if settings.shared_spool is None:
        return None
    from pc_worker.object_store.copies import SharedCopies

    return SharedCopies(settings.shared_spool)


def _check_rate_limits(settings: Settings) -> None:
    if settings.rate_limits:
        from pc_worker.domains import get_domain

        for name, _ in settings.rate_limits:
            get_domain(name)


def _hot_buffer(redis_url: str, *, max_bytes: int) -> HotBuffer:
    from pc_worker.hot_buffer import HotBuffer

    return HotBuffer(redis_client(redis_url), max_bytes=max_bytes)


def line_metrics(settings: Settings) -> LineMetrics:
    """Return the collector of the pipeline's metrics, with its own connections.

    Raises:
        Unavailable: If no servers are configured and none run under this HOME.
    """
    from pc_worker.services.maintenance.line_metrics import LineMetrics

    own = make_services(settings, application="pc_worker metrics")
    return LineMetrics(own.database, own.hot_buffer)
