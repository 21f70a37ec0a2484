"""Hits of a domain whose rows are joined: a passage is found, and the hit is the row of it that fits best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from uuid import UUID

from pc_worker.domains import Join, domain_names, get_domain, spoken
from pc_worker.model.joined import joined_name
from pc_worker.services.search.passages.best import MAX_MATCHES
from pc_worker.services.search.passages.marking import best_passage, matches
from pc_worker.services.search.reply import JoinedRows, Passage, SearchHit
from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.joined_parts import PassagePart, passage_of, read_parts
from pc_worker.store.search.query.query_words import asked_words
from pc_worker.store.search.scope import NO_ROW, Profile, Scope
from pc_worker.store.search.scores.bm25 import QueryTerms


def join_of(domain: str) -> Join | None:
    """Return how the rows of a domain are joined; None if they are not, or if the domain is declared no more."""
    return get_domain(domain).join if domain in domain_names() else None


def searched_name(domain: str) -> str:
    """Return the name under which the domain's passages are searched."""
    return domain if join_of(domain) is None else joined_name(domain)


def left_out(cursor: Cursor, profile: Profile, row_id: UUID | None) -> UUID:
    """Return what a search for the neighbours of a row leaves out: the row, or the joined passage that it is in."""
    if row_id is None:
        return NO_ROW
    return passage_of(cursor, profile, row_id) if profile.joined else row_id


def with_rows(
    cursor: Cursor, scope: Scope, hits: Sequence[SearchHit], *, query: str, terms: QueryTerms | None
) -> list[SearchHit]:
    """Return hits of joined passages as hits of rows: of a passage's rows that meet the filter, the best by words."""
    join = join_of(scope.profile.rows_domain)
    if join is None or not hits:
        return list(hits)
    parts = read_parts(cursor, scope, [hit.id for hit in hits])
    words = asked_words(scope.profile.domain, query, languages=scope.profile.languages).ids
    weights = dict.fromkeys(words, 1.0) if terms is None else {term.id: term.weight for term in terms.terms}
    return [_of_row(join, hit, parts[hit.id], weights, scope.profile) for hit in hits]


def _of_row(
    join: Join, hit: SearchHit, parts: Sequence[PassagePart], weights: dict[int, float], profile: Profile
) -> SearchHit:
    passage = hit.passage
    inside = [part for part in parts if passage is None or (part.start < passage.end and part.end > passage.start)]
    wanted = [part for part in inside if part.wanted] or [part for part in parts if part.wanted]
    row = _best(wanted, passage, weights, profile)
    return replace(hit, id=row.row_id, payload=row.payload, passage=passage and _joined(join, passage, inside))


def _best(
    parts: Sequence[PassagePart], passage: Passage | None, weights: dict[int, float], profile: Profile
) -> PassagePart:
    if passage is None:
        return parts[0]
    found = list(islice(matches(profile.domain, weights.keys(), passage.text, profile.languages), MAX_MATCHES))
    spans = [(part.start - passage.start, part.end - passage.start) for part in parts]
    best = best_passage(found, weights, spans)
    return parts[0] if best is None else parts[spans.index(best)]


def _joined(join: Join, passage: Passage, parts: Sequence[PassagePart]) -> Passage:
    who = spoken(join, [part.payload for part in parts])
    group = {name: parts[0].payload.get(name) for name in join.group} if parts else {}
    rows = tuple(part.row_id for part in parts)
    return replace(
        passage,
        joined=JoinedRows(group=group, speakers=who.speakers, begins=who.begins, ends=who.ends, rows=rows),
    )
