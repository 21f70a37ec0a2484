"""The same searches by HTTP and by gRPC: some clients at once, each with its own connection that stays open."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

import grpc
import numpy as np

from pc_worker.bench.gateway.servers import SERVICE
from pc_worker.bench.http.parts import BenchPart, PartFailed
from pc_worker.bench.search.collection import DOMAIN
from pc_worker.services.search.request import Mode
from pc_worker.wire.generated import embedding_stream_pb2 as pb

#: Seconds that a request may take: the first one loads the model.
PATIENCE_S = 600.0
#: Sends one search and returns when its result has been read.
Ask = Callable[[str], None]


@dataclass(slots=True)
class SearchTimes:
    """What some rounds of searches took.

    Attributes:
        rates: Requests a second, of each round.
        times_ms: Of each request.
        cpu_us: Processor time of the part, µs a request, of each round.
        line_us: The same together with PostgreSQL's.
    """

    rates: list[float] = field(default_factory=list)
    times_ms: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    line_us: list[float] = field(default_factory=list)

    def p99_ms(self) -> float:
        """Return the time that 99 of 100 requests do not exceed."""
        return float(np.percentile(self.times_ms, 99))


def measure_round(
    measured: SearchTimes, part: BenchPart, connect: Callable[[], Ask], queries: Sequence[str], *, clients: int
) -> None:
    """Ask every query once, ``clients`` at once, and add what it took."""
    local = threading.local()

    def ask(query: str) -> float:
        if not hasattr(local, "ask"):
            local.ask = connect()
        began = time.perf_counter()
        local.ask(query)
        return (time.perf_counter() - began) * 1000

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(ask, queries[: 2 * clients]))  # connections, and what a part does at its first request only
        cpu_s, line_s, began = part.cpu_s(), part.line_cpu_s(), time.perf_counter()
        measured.times_ms += pool.map(ask, queries)
        measured.rates.append(len(queries) / (time.perf_counter() - began))
        measured.cpu_us.append((part.cpu_s() - cpu_s) * 1e6 / len(queries))
        measured.line_us.append((part.line_cpu_s() - line_s) * 1e6 / len(queries))


def by_http(address: str, mode: Mode) -> Ask:
    """Return what asks by `POST /v1/search` over one connection."""
    host, _, port = address.rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=PATIENCE_S)

    def ask(query: str) -> None:
        body = json.dumps({"query": query, "domain": DOMAIN, "mode": mode})
        connection.request("POST", "/v1/search", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        found = response.read()
        if response.status != 200:
            raise PartFailed(f"a search failed: {found[:300]!r}")

    return ask


def by_grpc(address: str, mode: Mode) -> Ask:
    """Return what asks by `Search` over one channel."""
    options: list[tuple[str, Any]] = [("grpc.use_local_subchannel_pool", 1)]  # else all channels are one connection
    call = grpc.insecure_channel(address, options=options).unary_unary(f"/{SERVICE}/Search")

    def ask(query: str) -> None:
        call(pb.SearchRequest(query=query, domain=DOMAIN, mode=mode).SerializeToString(), timeout=PATIENCE_S)

    return ask
