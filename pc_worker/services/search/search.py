"""Search a domain by meaning, by words or by both; or for the neighbours of a row."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Literal, get_args
from uuid import UUID

from pc_worker.domains import domain_names, get_domain
from pc_worker.errors import ContractBroken, InvalidRequest, NoQueryModel, NotFound, PcWorkerError
from pc_worker.metrics import line as metrics
from pc_worker.model import Model, read_uuid
from pc_worker.services.search.recent_queries import RecentQueries
from pc_worker.store.db.connection import Cursor, Database, is_storable
from pc_worker.store.search.bm25 import QueryTerms, matching, weigh
from pc_worker.store.search.filters import Condition, check_number, parse_where
from pc_worker.store.search.fusion import CandidateLists, RankedRow, ranked
from pc_worker.store.search.nearest import nearest, vector_of_row, vector_text
from pc_worker.store.search.scope import (
    NO_ROW,
    STATEMENT_S,
    Candidates,
    Profile,
    Scope,
    active_models,
    begin_search,
    read_profile,
)
from pc_worker.store.search.statistics import CollectionStatistics
from pc_worker.store.search.terms import query_terms

if TYPE_CHECKING:  # only a type: what a search by words does not need is not loaded
    from pc_worker.encoding import Encoder

__all__ = [
    "Condition",
    "SearchHit",
    "SearchRequest",
    "SearchResult",
    "parse_where",
    "search",
    "search_mode",
    "warm_search",
]

Mode = Literal["hybrid", "vector", "text"]

MAX_K = 100
MAX_OFFSET = 1_000
#: More is a document, for which there is ``like``; models look at some hundred words of it.
MAX_QUERY_CHARS = 16_384
MAX_DOMAIN_CHARS = 200
#: Rows of each list that fusion sees at least: more found nothing better on the labelled set, and cost more.
DEPTH = 20

#: One a process, shared by its threads: 1.5 kB a query of 384 dimensions.
RECENT = RecentQueries(1024)
NO_WORDS = QueryTerms(CollectionStatistics(0, 0.0, 1.2, 0.75))


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """What is looked for.

    Attributes:
        query: Any text; no character has a special meaning. Empty with ``like``.
        domain: Where.
        like: Instead of a query, a row whose neighbours are wanted.
        mode: Which lists take part; ``like`` always answers by vectors.
        k: How many hits, 1..100.
        offset: How many of the best hits to leave out, 0..1,000.
        where: All must hold.
        min_similarity: Vectors count only from this cosine similarity on; a match of words counts in any case.
        vector_weight: How much a rank by vectors counts in the fusion.
        text_weight: How much a rank by words does.
    """

    query: str = ""
    domain: str
    like: str | None = None
    mode: Mode = "hybrid"
    k: int = 10
    offset: int = 0
    where: tuple[Condition, ...] = ()
    min_similarity: float | None = None
    vector_weight: float = 1.0
    text_weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """One row: its scores, its payload, and its best passage (text and place, in characters) where there is one."""

    id: str
    score: float
    vector_score: float | None
    text_score: float | None
    payload: dict[str, Any]
    passage: str | None = None
    start: int | None = None
    end: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give it as `search --json` prints it."""
        names = ("id", "score", "vector_score", "text_score", "payload")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """Hits, best first; ``mode`` is the one that answered, ``took_ms`` all of the search, encoding included."""

    query: str
    domain: str
    mode: Mode
    took_ms: float
    hits: tuple[SearchHit, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give it as `search --json` prints it."""
        names = ("query", "domain", "mode", "took_ms")
        return {name: getattr(self, name) for name in names} | {"hits": [hit.to_dict() for hit in self.hits]}


def search_mode(mode: str) -> Mode:
    """Give the mode of this name.

    Raises:
        InvalidRequest: If there is none.
    """
    for known in get_args(Mode):
        if mode == known:
            return known  # type: ignore[no-any-return]  # get_args forgets what the literals are
    raise InvalidRequest(f"mode {mode[:80]!r} is none of {', '.join(get_args(Mode))}")


def search(
    database: Database, request: SearchRequest, *, encoder: Callable[[Model], Encoder], timeout_s: float = STATEMENT_S
) -> SearchResult:
    """Answer a request from one read-only snapshot of the domain.

    Args:
        database: A connection of the calling thread.
        request: What to look for.
        encoder: Gives the encoder of a domain's active model; asked only when a query must be encoded.
        timeout_s: How long one of its statements may take.

    Raises:
        InvalidRequest: If the domain is unknown or a value is out of its bounds.
        NoQueryModel: If vectors are asked for where queries cannot be encoded.
        NotFound: If the row of ``like`` is not there.
        Unavailable: If PostgreSQL does not answer.
    """
    try:
        found = _search(database, request, encoder=encoder, timeout_s=timeout_s)
    except PcWorkerError:
        if request.domain in domain_names():  # what callers make up is no label
            metrics.SEARCHES_FAILED.labels(domain=request.domain).inc()
        raise
    metrics.SEARCH_SECONDS.labels(domain=request.domain, mode=found.mode).observe(found.took_ms / 1000)
    return found


def _search(
    database: Database, request: SearchRequest, *, encoder: Callable[[Model], Encoder], timeout_s: float
) -> SearchResult:
    started = time.perf_counter()
    _check(request)
    mode: Mode = "vector" if request.like is not None else request.mode
    hits: list[RankedRow] = []
    with database.transaction() as cursor:
        begin_search(cursor, timeout_s=timeout_s)
        profile = read_profile(cursor, request.domain)
        encodable = get_domain(request.domain).embedded_here if profile is None else profile.model.encodable
        mode = _possible(mode, request, encodable=encodable)
        if profile is not None:
            hits = _hits(cursor, request, mode, profile, encoder)
        elif request.like is not None:
            raise _no_row(request)
    return SearchResult(
        query=request.query,
        domain=request.domain,
        mode=mode,
        took_ms=round((time.perf_counter() - started) * 1000, 3),
        hits=tuple(_hit(row, mode) for row in hits),
    )


def _check(request: SearchRequest) -> None:
    _check_size(request)
    if not 1 <= request.k <= MAX_K:
        raise InvalidRequest(f"k is {request.k}: it must be 1 to {MAX_K}")
    if not 0 <= request.offset <= MAX_OFFSET:
        raise InvalidRequest(f"offset is {request.offset}: it must be 0 to {MAX_OFFSET}")
    if request.mode not in ("hybrid", "vector", "text"):
        raise InvalidRequest(f"mode {request.mode[:80]!r} is none of hybrid, vector and text")
    if request.min_similarity is not None and not -1 <= request.min_similarity <= 1:
        raise InvalidRequest(f"the least similarity is {request.min_similarity}: it must be -1 to 1")
    weights = (request.vector_weight, request.text_weight)
    if not (all(0 <= weight < inf for weight in weights) and any(weights)):
        raise InvalidRequest("weights must be numbers from 0 on, and not both 0")
    if request.like is None and not request.query.strip():
        raise InvalidRequest("the query is empty: say what to look for, or name a row to find its like")
    if request.like is not None and (request.query or request.mode == "text"):
        raise InvalidRequest("neighbours of a row are found by its vectors: give neither a query nor mode text")


def _check_size(request: SearchRequest) -> None:
    # Here, once for all faces: what one request may cost everybody else.
    check_number(request.where)
    if len(request.query) > MAX_QUERY_CHARS:
        raise InvalidRequest(f"the query has {len(request.query):,} characters: it may have {MAX_QUERY_CHARS:,}")
    if len(request.domain) > MAX_DOMAIN_CHARS or not is_storable(request.domain):
        raise InvalidRequest(f"there is no domain {request.domain[:80]!r}")


def _possible(mode: Mode, request: SearchRequest, *, encodable: bool) -> Mode:
    """Give the mode that can answer: without a model for queries that is text, or none."""
    if encodable or request.like is not None or mode == "text":
        return mode
    if mode == "vector":
        raise NoQueryModel(
            f"the vectors of domain {request.domain} come from its source and their model is not here: "
            "search it with mode text, or for the like of a row"
        )
    return "text"


def _hits(
    cursor: Cursor, request: SearchRequest, mode: Mode, profile: Profile, encoder: Callable[[Model], Encoder]
) -> list[RankedRow]:
    wanted = request.k + request.offset
    limit = max(DEPTH, 2 * wanted) if mode == "hybrid" else wanted
    vector = None if mode == "text" else _vector(cursor, request, profile, encoder)
    scope = Scope(profile=profile, conditions=request.where, without=_row(request) or NO_ROW)
    words, near, text = NO_WORDS, None, None
    if mode != "vector":
        terms = query_terms(profile.domain, request.query)
        words = weigh(cursor, profile.domain, terms, profile.collection)
        certain = wanted if mode == "text" else 1  # ranks further down hardly move a fusion, and cost much to prove
        text = matching(cursor, scope, words, limit=limit, wanted=wanted, certain=certain)
    if vector is not None:
        near = _near_enough(nearest(cursor, scope, vector, limit=limit, wanted=wanted), request.min_similarity)
    lists = CandidateLists(near=near, text=text, near_weight=request.vector_weight, text_weight=request.text_weight)
    return ranked(cursor, scope, lists, vector=vector, terms=words, k=request.k, offset=request.offset)


def _near_enough(near: Candidates, least: float | None) -> Candidates:
    kept = [pair for pair in zip(near.ids, near.scores, strict=True) if least is None or pair[1] >= least]
    return Candidates([row_id for row_id, _ in kept], [score for _, score in kept])


def _row(request: SearchRequest) -> UUID | None:
    if request.like is None:
        return None
    row_id = read_uuid(request.like)
    if row_id is None:
        raise InvalidRequest(f"{request.like[:80]!r} is not a UUID")
    return row_id


def _vector(cursor: Cursor, request: SearchRequest, profile: Profile, encoder: Callable[[Model], Encoder]) -> str:
    row_id = _row(request)
    if row_id is None:
        return _query_vector(request.query, profile.model, encoder(profile.model))
    vector = vector_of_row(cursor, profile, row_id)
    if vector is None:
        raise _no_row(request)
    return vector


def _no_row(request: SearchRequest) -> NotFound:
    return NotFound(f"domain {request.domain} has no row {request.like} with a vector")


def _query_vector(query: str, model: Model, encoder: Encoder) -> str:
    identity = encoder.identity
    if (identity.revision, identity.dimension) != (model.revision, model.dimension):
        raise ContractBroken(
            f"the domain's model is {model.label}, but this process has {identity.name}@{identity.revision}: "
            "set PC_WORKER_MODEL to the domain's model"
        )
    clean = query.encode("utf-8", "replace").decode()  # a lone surrogate is no character to any model
    return vector_text(RECENT.vector(encoder, clean))


def warm_search(database: Database, encoder: Callable[[Model], Encoder]) -> None:
    """Load the models of all domains and encode once with each, so that no user waits for it.

    Raises:
        Unavailable: If PostgreSQL does not answer.
        ModelUnavailable: If a model is not here.
    """
    with database.transaction() as cursor:
        models = active_models(cursor)
    for model in models:
        if model.encodable:
            RECENT.vector(encoder(model), "warm")


def _hit(row: RankedRow, mode: Mode) -> SearchHit:
    return SearchHit(
        id=row.row_id,
        score=float(row.score),
        vector_score=None if mode == "text" else row.similarity,
        text_score=None if mode == "vector" else row.text_score,
        payload=row.payload,
        passage=row.passage,
        start=row.start,
        end=row.end,
    )
