"""Load over gRPC: people who search, and batch servers that stream a whole domain.

``PYTHONPATH=. .venv/bin/locust --headless -u 4 -t 20s`` against a running ``./run up``; the gateway is found as every
command finds it, ``--host`` names another. ``LOAD_DOMAIN`` (default: ``document``) says which domain.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any

import grpc
import grpc.experimental.gevent
from locust import User, between, constant, task

from pc_worker.cli.commands.stream import channel, credentials
from pc_worker.settings import read_settings
from pc_worker.wire.generated import embedding_stream_pb2 as wire
from pc_worker.wire.generated.embedding_stream_pb2_grpc import EmbeddingStreamServiceStub

# Locust's users are greenlets: without this, one user's call would stop all others.
grpc.experimental.gevent.init_gevent()

DOMAIN = os.environ.get("LOAD_DOMAIN", "document")
WORDS = ("read", "write", "file", "list", "sort", "parse", "time", "thread", "error", "value", "text", "format", "path")


class GatewayUser(User):
    """A client with a connection of its own; every call becomes a line of the statistics."""

    abstract = True

    def on_start(self) -> None:
        """Connect."""
        settings = read_settings()
        self.metadata = credentials(settings)
        self.channel = channel(settings, self.host)
        self.stub = EmbeddingStreamServiceStub(self.channel)

    def on_stop(self) -> None:
        """Hang up."""
        self.channel.close()

    def measured(self, name: str, call: Callable[[], int]) -> None:
        """Run ``call``, which gives the bytes it received, and report how long it took or how it failed."""
        began, size, failure = time.perf_counter(), 0, None
        try:
            size = call()
        except grpc.RpcError as exc:
            failure = exc
        took_ms = 1000 * (time.perf_counter() - began)
        report: Any = self.environment.events.request
        report.fire(
            request_type="gRPC", name=name, response_time=took_ms, response_length=size, exception=failure, context={}
        )


class Searcher(GatewayUser):
    """Somebody who types two words and reads for a moment."""

    weight = 3
    wait_time = between(0.1, 0.5)

    @task(2)
    def by_meaning_and_words(self) -> None:
        """Search as the command line does by default."""
        self._search("hybrid")

    @task(1)
    def by_words(self) -> None:
        """Search by words alone: no text is embedded for it."""
        self._search("text")

    def _search(self, mode: str) -> None:
        query = " ".join(random.sample(WORDS, 2))
        request = wire.SearchRequest(query=query, domain=DOMAIN, k=10, mode=mode)
        self.measured(
            f"Search {mode}", lambda: self.stub.Search(request, metadata=self.metadata, timeout=30).ByteSize()
        )


class BatchServer(GatewayUser):
    """A stock batch server: the whole domain in chunks of 300, then again."""

    weight = 1
    wait_time = constant(1)

    @task
    def whole_domain(self) -> None:
        """Stream every row."""
        request = wire.StreamEmbeddingRequest(domain=DOMAIN, chunk_size=300)
        self.measured(
            "StreamEmbedding",
            lambda: sum(chunk.ByteSize() for chunk in self.stub.StreamEmbedding(request, metadata=self.metadata)),
        )
