"""Create the gateway; a separate module, so that workers do not import what only the gateway needs."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from pc_worker.domains import domain_names
from pc_worker.encoding import Encoder
from pc_worker.errors import PcWorkerError, Unavailable
from pc_worker.gateway import GatewayConfig, SearchFunction
from pc_worker.gateway.supervision import supervised_thread
from pc_worker.model import Model
from pc_worker.retry import RetryPolicy
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search, warm_search
from pc_worker.settings import Settings
from pc_worker.store.db.connection import Database
from pc_worker.store.search.cancel import Stop
from pc_worker.store.search.scope import STATEMENT_S
from pc_worker.wiring import encoders, endpoints, reranker

log = structlog.get_logger(__name__)

#: Delay between two attempts; when everything starts at once, the database takes some seconds.
WARM_AGAIN_S = 5.0


@functools.lru_cache(maxsize=1)
def shared_encoders(settings: Settings) -> Callable[[Model], Encoder]:
    """Return the loader of encoders that all threads of the gateway share."""
    return encoders(settings)


def gateway_config(settings: Settings) -> GatewayConfig:
    """Return the gateway's configuration.

    Raises:
        Unavailable: If no servers are configured and none run under this HOME.
    """
    where = endpoints(settings)
    return GatewayConfig(
        addresses=settings.gateway_addresses,
        database_url=where.database_url,
        redis_url=where.redis_url,
        domains=frozenset(domain_names()),
        token=settings.token.get_secret_value() if settings.token else None,
        tokens_file=settings.tokens_file,
        tls_cert=settings.tls_cert,
        tls_key=settings.tls_key,
        tls_client_ca=settings.tls_client_ca,
        insecure=settings.insecure,
        searches=max(8, os.cpu_count() or 1),
        searches_per_caller=max(2, (os.cpu_count() or 1) // 2),
        max_streams=settings.max_streams,
        streams_per_token=settings.streams_per_token,
        streams_per_host=settings.streams_per_host,
        max_subscriptions=settings.max_subscriptions,
        max_deliveries=settings.max_deliveries,
    )


def search_function(settings: Settings) -> SearchFunction:
    """Return the search service for the gateway, which calls it in threads; each has its own connection."""
    url, encoder, local = endpoints(settings).database_url, shared_encoders(settings), threading.local()
    shared_reranker = reranker(settings)

    def call(asked: Mapping[str, Any], *, stop: Stop) -> Mapping[str, Any]:
        request = SearchRequest.model_validate(asked)
        if not hasattr(local, "database"):
            local.database = Database(url, application="pc_worker search", read_only=True)
        with stop.watching(local.database):
            within_s = min(stop.left_s(), STATEMENT_S)
            found = search(local.database, request, encoder=encoder, reranker=shared_reranker, timeout_s=within_s)
        return found.to_dict()

    return call


def warm_in_background(settings: Settings) -> None:
    """Load the search models in the background: neither the start nor the first query waits for them."""
    supervised_thread("warm-search", lambda: _warm(settings))


def _warm(settings: Settings) -> None:
    """Load the models as soon as the database is available; the first query reports any other error."""
    RetryPolicy(first_s=WARM_AGAIN_S, longest_s=WARM_AGAIN_S).call(lambda: _warm_once(settings), on=Unavailable)


def _warm_once(settings: Settings) -> None:
    database = Database(endpoints(settings).database_url, application="pc_worker search", read_only=True)
    try:
        warm_search(database, shared_encoders(settings))
    except Unavailable as exc:
        log.warning("search_not_warmed", reason=str(exc), again_in_s=WARM_AGAIN_S)
        raise
    except PcWorkerError as exc:
        log.warning("search_not_warmed", reason=str(exc))
    finally:
        database.close()
