"""Search a domain by vectors, by text or by both; or for the nearest neighbours of a row."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING
from uuid import UUID

from pc_worker.domains import domain_names, get_domain
from pc_worker.errors import EngineRefused, NoQueryModel, NotFound, PcWorkerError, Unavailable
from pc_worker.logs import get_logger
from pc_worker.metrics import line as metrics
from pc_worker.model import Model, read_uuid
from pc_worker.services.search.explain import explanation
from pc_worker.services.search.passages.best import with_passages
from pc_worker.services.search.passages.joined_hits import left_out, searched_name, with_rows
from pc_worker.services.search.query_vectors import RECENT, QueryVector
from pc_worker.services.search.ranking import RankedQuery, first_texts, rank
from pc_worker.services.search.reply import Passage, Reranking, SearchHit, SearchResult
from pc_worker.services.search.request import Mode, SearchRequest
from pc_worker.services.search.rerank import rerank
from pc_worker.services.search.thresholds import weakness
from pc_worker.services.search.turns import SearchTurn, turns_of
from pc_worker.services.search.weights import list_weights, row_judge
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.search.filters.sql import read_filter
from pc_worker.store.search.hits import RankedRow, read_hits
from pc_worker.store.search.narrowing import narrowed
from pc_worker.store.search.query.query_words import asked_words
from pc_worker.store.search.scope import (
    STATEMENT_S,
    Profile,
    Scope,
    active_models,
    begin_search,
)
from pc_worker.store.search.scores.bm25 import QueryTerms, weigh
from pc_worker.store.search.scores.fusion import FusedRow
from pc_worker.store.search.scores.nearest import vector_of_row
from pc_worker.store.search.words.question_phrases import without_question_phrases
from pc_worker.store.search.words.stopwords import without_function_words
from pc_worker.tracing import span

if TYPE_CHECKING:  # only types: a text search loads no encoder
    from pc_worker.encoding import Encoder
    from pc_worker.encoding.rerank import Reranker


#: Errors with which a hybrid search is one by text.
WITHOUT_VECTORS = (NoQueryModel, Unavailable, EngineRefused)


def search(
    database: Database,
    request: SearchRequest,
    *,
    encoder: Callable[[Model], Encoder],
    reranker: Reranker | None = None,
    timeout_s: float = STATEMENT_S,
) -> SearchResult:
    """Search one read-only snapshot of the domain.

    Args:
        database: A connection of the calling thread.
        request: The request.
        encoder: Returns the encoder of a domain's active model; called only if a query must be encoded.
        reranker: Orders the best hits again if the request wants it; None = none is configured.
        timeout_s: Seconds that one SQL statement may take.

    Raises:
        InvalidRequest: If the domain is unknown, or no row has a field of the filter.
        NoQueryModel: If the search needs vectors and queries of the domain cannot be encoded.
        NotFound: If the row of ``like`` does not exist.
        Unavailable: If PostgreSQL does not answer, or the engine that encodes queries and only vectors are requested.
        EngineRefused: If that engine refuses, and only vectors are requested.
    """
    try:
        with span("retrieval", _attributes(request)) as current:
            found = _search(database, request, encoder=encoder, reranker=reranker, timeout_s=timeout_s)
            current.set(pcw__mode=found.mode, pcw__hits=len(found.hits))
    except PcWorkerError:
        if request.domain in domain_names():  # an unknown name must not become a label
            metrics.SEARCHES_FAILED.labels(domain=request.domain).inc()
        raise
    metrics.SEARCH_SECONDS.labels(domain=request.domain, mode=found.mode).observe(found.took_ms / 1000)
    if not request.offset and (kind := weakness(found)) is not None:
        metrics.SEARCHES_WEAK.labels(domain=request.domain, mode=found.mode, kind=kind).inc()
    return found


def _attributes(request: SearchRequest) -> dict[str, str | int]:
    """Return what a span says of a search; not its query, which is its user's."""
    return {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.retrieval.top_k": request.k,
        "gen_ai.data_source.id": request.domain,
    }


def _search(
    database: Database,
    request: SearchRequest,
    *,
    encoder: Callable[[Model], Encoder],
    reranker: Reranker | None,
    timeout_s: float,
) -> SearchResult:
    started = time.perf_counter()
    mode: Mode = "vector" if request.like is not None else request.mode
    reranked = reranker.depth if request.rerank and reranker is not None else 0
    hits: list[SearchHit] = []
    with turns_of(database).turn() as turn, database.transaction() as cursor:
        profile = begin_search(cursor, searched_name(request.domain), timeout_s=timeout_s)
        if profile is not None:
            mode, hits = _found(cursor, request, mode, profile, encoder, turn, reranked=reranked)
        else:
            mode = _without_log(cursor, request, mode)
    reranking: Reranking | None = None
    if request.rerank:  # after the transaction: no snapshot waits for a model
        with span("rerank"):
            hits, reranking = rerank(hits, request.query, reranker)
        hits = hits[min(request.offset, reranked) :][: request.k] if reranked else hits
    return SearchResult(
        query=request.query,
        domain=request.domain,
        mode=mode,
        took_ms=round((time.perf_counter() - started) * 1000, 3),
        hits=tuple(hit for hit in hits if request.min_score is None or hit.score >= request.min_score),
        rerank=reranking,
    )


def _found(
    cursor: Cursor,
    request: SearchRequest,
    mode: Mode,
    profile: Profile,
    encoder: Callable[[Model], Encoder],
    turn: SearchTurn,
    *,
    reranked: int,
) -> tuple[Mode, list[SearchHit]]:
    """Return the mode that is possible, and the hits of the requested page after the first ``reranked`` ones of all.

    Raises:
        NoQueryModel: If only vectors are requested and queries cannot be encoded.
        Unavailable: If only vectors are requested and the engine that encodes queries does not answer.
        EngineRefused: If only vectors are requested and it refuses.
    """
    mode, encoding = _encoding(request, mode, profile, encoder)
    scope = _scope(cursor, request, profile)
    terms = None if mode == "vector" else _terms(cursor, request, profile)
    texts = first_texts(cursor, scope, terms) if terms is not None and encoding is not None else None
    with turn.left() if encoding is not None and not encoding.is_ready else nullcontext():  # an engine may be slow
        mode, vector = _vector(cursor, request, mode, profile, encoding)
    used = encoder(profile.model) if mode == "hybrid" else None
    weights = list_weights(request, used)
    query = RankedQuery(
        vector=vector,
        terms=terms,
        weights=weights,
        judge=row_judge(cursor, profile, used, weights),
        feedback=request.like is None
        and (_feedback_of(request.domain) if request.feedback is None else request.feedback),
    )
    last = request.offset + request.k
    with span("rank"):
        rows = rank(cursor, scope, query, last=max(last, reranked), texts=texts)
    return mode, _hits(
        cursor, request, mode, scope, query, rows[:reranked] + rows[max(reranked, request.offset) : last]
    )


def _encoding(
    request: SearchRequest, mode: Mode, profile: Profile, encoder: Callable[[Model], Encoder]
) -> tuple[Mode, QueryVector | None]:
    """Begin to encode the query; where that is not possible, a hybrid search is one by text."""
    if mode == "text" or request.like is not None:
        return mode, None
    try:
        return mode, QueryVector(request.query, profile.model, encoder(profile.model), aside=mode == "hybrid")
    except WITHOUT_VECTORS as exc:
        return _without_vectors(request, mode, exc), None


def _vector(
    cursor: Cursor, request: SearchRequest, mode: Mode, profile: Profile, encoding: QueryVector | None
) -> tuple[Mode, str | None]:
    """Return the mode that is possible and the vector to search for: without one, a hybrid search is one by text."""
    row_id = _row_like(request)
    if row_id is not None:
        vector = vector_of_row(cursor, profile, row_id)
        if vector is None:
            raise _no_row(request)
        return mode, vector
    try:
        return mode, None if encoding is None else encoding.text()
    except WITHOUT_VECTORS as exc:
        return _without_vectors(request, mode, exc), None


def _without_vectors(request: SearchRequest, mode: Mode, exc: PcWorkerError) -> Mode:
    if mode == "vector":
        raise exc
    if not isinstance(exc, NoQueryModel):
        metrics.SEARCHES_AS_TEXT.labels(domain=request.domain).inc()
        get_logger(__name__).warning("search_without_vectors", domain=request.domain, reason=str(exc))
    return "text"


def _without_log(cursor: Cursor, request: SearchRequest, mode: Mode) -> Mode:
    """Return the mode in which a domain without a log is searched: it has no rows, and they no fields."""
    if request.like is not None:
        raise _no_row(request)
    read_filter(cursor, searched_name(request.domain), request.where)
    if mode == "text" or get_domain(request.domain).embedded_here:
        return mode
    if mode == "vector":
        raise NoQueryModel(f"domain {request.domain} has no vectors yet: search it with mode text")
    return "text"


def _scope(cursor: Cursor, request: SearchRequest, profile: Profile) -> Scope:
    """Return the rows to search."""
    row_filter = read_filter(cursor, profile.domain, request.where)
    without = left_out(cursor, profile, _row_like(request))
    return narrowed(cursor, Scope(profile=profile, filter=row_filter, without=without))


def _hits(
    cursor: Cursor, request: SearchRequest, mode: Mode, scope: Scope, query: RankedQuery, page: list[FusedRow]
) -> list[SearchHit]:
    """Return the hits of the requested rows."""
    with span("read hits"):
        # With feedback the ranked scores are those of the extended query.
        read = read_hits(cursor, scope, page, vector=query.vector, terms=query.terms if query.feedback else None)
        hits = [_hit(row, mode, query, explain=request.explain) for row in read]
        hits = with_passages(cursor, scope.profile, hits, query=request.query, terms=query.terms)
        return with_rows(cursor, scope, hits, query=request.query, terms=query.terms)


def _feedback_of(domain: str) -> bool:
    """Return whether a domain's searches use feedback; one that is declared no more can still be searched."""
    return domain in domain_names() and get_domain(domain).feedback


def _row_like(request: SearchRequest) -> UUID | None:
    return None if request.like is None else read_uuid(request.like)


def _terms(cursor: Cursor, request: SearchRequest, profile: Profile) -> QueryTerms:
    words = without_function_words(without_question_phrases(request.query))
    asked = asked_words(profile.domain, words, oldest=profile.oldest_rules, inflected=True, languages=profile.languages)
    return weigh(cursor, profile.domain, asked, profile.collection)


def _no_row(request: SearchRequest) -> NotFound:
    return NotFound(f"domain {request.domain} has no row {request.like} with a vector")


def warm_search(database: Database, encoder: Callable[[Model], Encoder]) -> None:
    """Load the models of all domains and encode once with each, so that no user waits for that.

    Raises:
        Unavailable: If PostgreSQL does not answer, or an engine; all others are loaded then.
        ModelUnavailable: If a model is not installed.
    """
    with database.transaction() as cursor:
        models = active_models(cursor)
    away: Unavailable | None = None
    for model in models:
        try:
            RECENT.vector(encoder(model), "warm")
        except NoQueryModel:
            continue
        except Unavailable as exc:
            away = exc
    if away is not None:
        raise away


def _hit(row: RankedRow, mode: Mode, query: RankedQuery, *, explain: bool) -> SearchHit:
    """Return a hit; without a passage if the query's words are to choose it: where the query's vector has no vote."""
    passage = None
    by_words = query.terms is not None and not query.weights.vector_counts and bool(row.text_score)
    if row.passage is not None and row.start is not None and row.end is not None and not by_words:
        passage = Passage(text=row.passage, start=row.start, end=row.end)
    return SearchHit(
        id=row.ranked.row_id,
        score=row.ranked.score,
        vector_score=None if mode == "text" else row.similarity,
        text_score=None if mode == "vector" else row.text_score,
        payload=row.payload,
        passage=passage,
        explain=explanation(row.ranked) if explain else None,
    )
