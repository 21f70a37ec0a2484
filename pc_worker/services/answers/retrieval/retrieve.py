"""The passages that a question is answered from: the one search, several passages a row, neighbours joined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pc_worker.domains import get_domain
from pc_worker.errors import PcWorkerError
from pc_worker.llm.usage import estimated_tokens
from pc_worker.model import Model
from pc_worker.model.filter import Filter
from pc_worker.services.answers.checks.check import content_terms
from pc_worker.services.answers.evidence import AnswerPassage
from pc_worker.services.answers.retrieval.relevance import relevant_hits
from pc_worker.services.search.fused import FusedHit, fused
from pc_worker.services.search.passages.joined_hits import join_of
from pc_worker.services.search.query_vectors import RECENT
from pc_worker.services.search.reply import SearchHit
from pc_worker.services.search.request import MAX_QUERY_CHARS, SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.answers.passages import ScoredPassage, row_passages, row_texts, text_slice
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.search.query.query_words import known_terms
from pc_worker.store.search.scope import Profile, Scope, begin_search
from pc_worker.store.search.scores.nearest import vector_text

if TYPE_CHECKING:
    from pc_worker.encoding import Encoder

#: Passages of one row, and how much less similar than its best one they may be.
PER_ROW = 3
LESS_SIMILAR = 0.15
#: How much a passage's words count in addition to its similarity.
WORDS_WEIGHT = 0.3
#: Passages with at most this many characters between them are one.
GAP_CHARS = 80
#: Share of common words from which two passages say the same.
DUPLICATE = 0.85
#: Characters of a row without passages, and tokens below which the end of a passage is not worth showing.
ROW_CHARS = 4_000
MIN_TOKENS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is searched for, and the most tokens of passages; ``more`` = further texts to search for."""

    question: str
    domain: str
    k: int
    where: Filter | None
    tokens: int
    more: tuple[str, ...] = ()


def retrieve(
    database: Database, wanted: Wanted, *, encoder: Callable[[Model], Encoder], timeout_s: float
) -> list[AnswerPassage]:
    """Return the passages that may answer a question, best first; none if nothing relevant is found.

    Raises:
        PcWorkerError: What the search raises.
    """
    queries = (wanted.question, *wanted.more)
    lists = [_relevant(database, wanted, query, encoder=encoder, timeout_s=timeout_s) for query in queries]
    hits = fused(lists)[: wanted.k]
    if not hits:
        return []
    if join_of(wanted.domain) is not None:  # the hit has the whole passage
        return _fitting(_distinct(_joined_passages(wanted.domain, [hit for hit, _ in hits])), wanted.tokens)
    with database.transaction() as cursor:
        profile = begin_search(cursor, wanted.domain, timeout_s=timeout_s)
        if profile is None:
            return []
        passages = _passages(cursor, profile, wanted, hits, encoder)
    return _fitting(_distinct(passages), wanted.tokens)


def _relevant(
    database: Database, wanted: Wanted, query: str, *, encoder: Callable[[Model], Encoder], timeout_s: float
) -> list[SearchHit]:
    request = SearchRequest(query=query[:MAX_QUERY_CHARS], domain=wanted.domain, k=wanted.k, where=wanted.where)
    return relevant_hits(search(database, request, encoder=encoder, timeout_s=timeout_s), query)


def _passages(
    cursor: Cursor, profile: Profile, wanted: Wanted, hits: Sequence[FusedHit], encoder: Callable[[Model], Encoder]
) -> list[AnswerPassage]:
    by_row: dict[str, list[ScoredPassage]] = {}
    queries = (wanted.question, *wanted.more)
    for place, query in enumerate(queries) if get_domain(wanted.domain).embedded_here else ():
        ids = [hit.id for hit, of in hits if of == place]
        by_row |= _passages_of(cursor, profile, ids, _vector(query, profile.model, encoder)) if ids else {}
    whole = row_texts(cursor, wanted.domain, [hit.id for hit, _ in hits if hit.id not in by_row], chars=ROW_CHARS)
    asked = [content_terms(query) for query in queries]
    result: list[AnswerPassage] = []
    for hit, place in hits:
        if hit.id in by_row:
            result += _joined(cursor, wanted.domain, hit, _best(by_row[hit.id], asked[place]))
        else:
            text = whole.get(hit.id) or record_text(hit.payload)
            result.append(_passage(wanted.domain, hit, text, 0, len(text)))
    return result


def _passages_of(
    cursor: Cursor, profile: Profile, ids: Sequence[str], vector: str | None
) -> dict[str, list[ScoredPassage]]:
    found: dict[str, list[ScoredPassage]] = defaultdict(list)
    for passage in row_passages(cursor, Scope(profile=profile), ids, vector=vector):
        found[passage.row_id].append(passage)
    return found


def _joined_passages(domain: str, hits: Sequence[SearchHit]) -> Iterable[AnswerPassage]:
    """Yield the passages of hits whose rows are joined, each with who says it and when."""
    for hit in hits:
        if (passage := hit.passage) is not None and (joined := passage.joined) is not None:
            found = _passage(domain, hit, passage.text, passage.start, passage.end)
            yield replace(found, joined=joined, label=joined.label)


def _vector(question: str, model: Model, encoder: Callable[[Model], Encoder]) -> str | None:
    """Return the vector of the question, which the search has just used; None if its model does not answer."""
    with suppress(PcWorkerError):
        return vector_text(RECENT.vector(encoder(model), question.encode("utf-8", "replace").decode()))
    return None


def _best(passages: Sequence[ScoredPassage], asked: set[int]) -> list[ScoredPassage]:
    scored = sorted(((_score(passage, asked), passage) for passage in passages), key=lambda pair: -pair[0])
    best = scored[0][0]
    return [passage for score, passage in scored[:PER_ROW] if score >= best - LESS_SIMILAR]


def _score(passage: ScoredPassage, asked: set[int]) -> float:
    share = len(asked & known_terms("", passage.text)) / len(asked) if asked else 0.0
    return (passage.similarity or 0.0) + WORDS_WEIGHT * share


def _joined(cursor: Cursor, domain: str, hit: SearchHit, passages: Sequence[ScoredPassage]) -> list[AnswerPassage]:
    """Return the passages of a row, best first; those that overlap or nearly touch as one."""
    ranges: list[tuple[int, int, int]] = []
    for rank, passage in sorted(enumerate(passages), key=lambda pair: pair[1].start):
        if ranges and passage.start <= ranges[-1][1] + GAP_CHARS:
            start, end, best = ranges[-1]
            ranges[-1] = (start, max(end, passage.end), min(best, rank))
        else:
            ranges.append((passage.start, passage.end, rank))
    known = {(passage.start, passage.end): passage.text for passage in passages}
    result = []
    for start, end, _ in sorted(ranges, key=lambda found: found[2]):
        text = known.get((start, end)) or text_slice(cursor, domain, row_id=hit.id, start=start, end=end)
        result.append(_passage(domain, hit, text, start, end))
    return result


def _passage(domain: str, hit: SearchHit, text: str, start: int, end: int) -> AnswerPassage:
    return AnswerPassage(row_id=hit.id, domain=domain, text=text, start=start, end=end, payload=hit.payload)


def record_text(payload: dict[str, Any]) -> str:
    """Return a record without a text as lines of `field: value`."""
    return "\n".join(f"{name}: {_value(value)}" for name, value in payload.items() if value not in (None, "", []))[
        :ROW_CHARS
    ]


def _value(value: Any) -> str:
    return ", ".join(map(_value, value)) if isinstance(value, list) else str(value)


def _distinct(passages: Iterable[AnswerPassage]) -> list[AnswerPassage]:
    """Leave out passages that say the same as a better one."""
    kept: list[tuple[AnswerPassage, frozenset[int]]] = []
    for passage in passages:
        words = known_terms("", passage.text)
        if not any(_alike(words, other) for _, other in kept):
            kept.append((passage, words))
    return [passage for passage, _ in kept]


def _alike(words: frozenset[int], other: frozenset[int]) -> bool:
    both = len(words | other)
    return both > 0 and len(words & other) / both >= DUPLICATE


def _fitting(passages: Iterable[AnswerPassage], tokens: int) -> list[AnswerPassage]:
    """Return the first passages that fit into ``tokens``; the last one may be cut."""
    result: list[AnswerPassage] = []
    for passage in passages:
        size = estimated_tokens(passage.text)
        if size <= tokens:
            result.append(passage)
            tokens -= size
            continue
        if tokens >= MIN_TOKENS or not result:
            end = max(1, len(passage.text) * max(tokens, MIN_TOKENS) // size)
            text = passage.text[:end]
            result.append(replace(passage, text=text, end=passage.start + len(text)))
        break
    return result
