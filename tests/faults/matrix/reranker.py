"""A reranker over HTTP that is away, hangs, or whose replies are wrong, while rows are searched."""

from __future__ import annotations

import time
from typing import Any

from pydantic import SecretStr

from pc_worker.services.dependencies import Services
from pc_worker.services.search.reply import SearchResult
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.settings import Settings
from pc_worker.wiring import make_services
from tests.faults.drill import Drill, Fault
from tests.faults.load import DOMAIN
from tests.support.reranker import WRONG, RerankServerStub, rerank_server, shared_words
from tests.support.waiting import eventually

LIMIT_S = 0.5
HITS = 40
#: Long after a search that waits for the reranker's limit has ended, even on a busy machine.
WITHIN_S = 15.0
#: By name, how the server is spoiled.
KINDS: dict[str, dict[str, Any]] = {
    "hangs": {"slow_s": 60.0},
    "sends a byte now and then": {"slow_s": 0.05},
    **{f"status {status}": {"status": status} for status in (500, 404)},
    "redirects elsewhere": {"status": 302, "headers": {"location": "http://127.0.0.1:9/rerank"}},
    "ends within a reply": {"headers": {"content-length": "99999", "connection": "close"}},
    "is not compressed as it says": {"headers": {"content-encoding": "gzip"}},
    **{f"replies with {wrong}": {"wrong": wrong} for wrong in WRONG},
    # The last ones: the server is left alone for a while afterwards.
    **{f"status {status}": {"status": status, "headers": {"retry-after": "0"}} for status in (429, 503)},
}


def misbehaving(drill: Drill) -> None:
    """Rerank by a server that is wrong in all known ways: the hits must be those of the plain search."""
    work = drill.rig.begin(rows=60, chunk_size=30)
    drill.settle(work, since=time.monotonic())
    query = f"engineer of generation {work.generation} {work.numbers[7]}"
    names = list(KINDS)
    with rerank_server() as server:
        services = make_services(_settings(drill, server))
        plain = _found(services, query, rerank=False)
        drill.expect(len(plain.hits) == HITS, f"{len(plain.hits)} hits without the reranker")
        while drill.injected < drill.times:
            _spoil(server, KINDS[names[drill.injected % len(names)]])
            began = time.monotonic()
            found = _found(services, query)
            drill.settled_s.append(time.monotonic() - began)
            _compare(drill, names[drill.injected % len(names)], plain, found)
            drill.injected += 1
        _spoil(server, {})
        (reranked,) = eventually(lambda: _reranked(services, query), what="a search that uses a right reply")
        _compare_reranked(drill, server, plain, reranked)
        services.database.close()


def _spoil(server: RerankServerStub, state: dict[str, Any]) -> None:
    right: dict[str, Any] = {"wrong": None, "status": 200, "headers": {}, "slow_s": 0.0}
    for name, value in (right | state).items():
        setattr(server, name, value)


def _settings(drill: Drill, server: RerankServerStub) -> Settings:
    servers = drill.rig.servers
    return Settings(
        home=drill.rig.folder / "searching",
        database_url=SecretStr(servers.database_url),
        redis_url=SecretStr(servers.redis_url),
        data_roots=(drill.rig.folder / "sources",),
        reranker=server.written(),
        rerank_timeout_s=LIMIT_S,
        rerank_depth=30,
    )


def _found(services: Services, query: str, *, rerank: bool = True) -> SearchResult:
    request = SearchRequest(query=query, domain=DOMAIN, mode="text", k=HITS, rerank=rerank)
    return search(services.database, request, encoder=services.encoder, reranker=services.reranker)


def _reranked(services: Services, query: str) -> list[SearchResult]:
    """Return one search, or none if the server was not used."""
    found = _found(services, query)
    return [found] if found.rerank is not None and found.rerank.applied else []


def _compare(drill: Drill, kind: str, plain: SearchResult, found: SearchResult) -> None:
    """Expect the order and the scores of the plain search, and the reason, in time."""
    ids, wanted = [(hit.id, hit.score) for hit in found.hits], [(hit.id, hit.score) for hit in plain.hits]
    lost, doubled = len(set(wanted) - set(ids)), len(ids) - len(set(ids))
    if ids != wanted:
        drill.findings.add(f"a reranker that {kind} changed the hits", lost=lost or 1, doubled=doubled)
    said = found.rerank
    drill.expect(said is not None and not said.applied and bool(said.reason), f"a reranker that {kind}: {said}")
    took_s = drill.settled_s[-1]
    drill.expect(took_s < WITHIN_S, f"a search waited {took_s:.1f} s for a reranker that {kind}")


def _compare_reranked(drill: Drill, server: RerankServerStub, plain: SearchResult, found: SearchResult) -> None:
    """Expect that a right reply, whose results come in another order, is used: each text has its own score."""
    query = found.query
    drill.expect({hit.id for hit in found.hits} == {hit.id for hit in plain.hits}, "the reranker lost or added hits")
    asked = zip(plain.hits, server.requests[-1]["documents"], strict=False)
    wanted = {hit.id: shared_words(query, text) for hit, text in asked}
    wrong = [hit.id for hit in found.hits[: len(wanted)] if hit.score != wanted.get(hit.id)]
    drill.expect(not wrong, f"{len(wrong)} of {len(wanted)} rows have the score of another text")


FAULTS = (
    Fault(
        name="reranker-wrong",
        matrix="14",
        what="a reranker over HTTP that hangs, or with wrong replies",
        times=len(KINDS),
        run=misbehaving,
    ),
)
