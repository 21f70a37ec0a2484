"""The best passage of a hit by the query's words, where its vectors do not say which one is best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from pc_worker.domains import domain_names, get_domain
from pc_worker.model.joined import is_joined_name
from pc_worker.services.search.passages.marking import Span, best_passage, best_window, matches
from pc_worker.services.search.reply import Passage, SearchHit
from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.query.query_words import asked_words
from pc_worker.store.search.row_texts import RowText, read_texts
from pc_worker.store.search.scope import Profile
from pc_worker.store.search.scores.bm25 import QueryTerms

#: Characters of all texts of a reply in which words are looked for; each text has its share of them.
MAX_CHARS = 2_000_000
MAX_TEXT_CHARS = 200_000
#: Matched words of a text that are looked at.
MAX_MATCHES = 2_000


def with_passages(
    cursor: Cursor, profile: Profile, hits: Sequence[SearchHit], *, query: str, terms: QueryTerms | None
) -> list[SearchHit]:
    """Return the hits, each with its best passage: of those that have none yet, the one with most of the words."""
    missing = [hit.id for hit in hits if hit.passage is None]
    if not missing or not query:
        return list(hits)
    chars = min(MAX_TEXT_CHARS, MAX_CHARS // len(missing))
    texts = read_texts(cursor, profile, missing, chars=chars)
    words = asked_words(profile.domain, query, languages=profile.languages).ids
    weights = dict.fromkeys(words, 1.0) if terms is None else {term.id: term.weight for term in terms.terms}
    return [
        hit if hit.id not in texts else replace(hit, passage=_passage(profile, hit, texts[hit.id], weights))
        for hit in hits
    ]


def _passage(profile: Profile, hit: SearchHit, row: RowText, weights: Mapping[int, float]) -> Passage | None:
    text = _searched(profile.domain, hit) if row.text is None else row.text
    found = list(islice(matches(profile.domain, weights.keys(), text, profile.languages), MAX_MATCHES))
    inside = [passage for passage in row.passages if passage[0] < passage[1] <= len(text)]
    if not inside and is_joined_name(profile.domain):  # without vectors yet
        inside = [(0, len(text))]
    best = best_passage(found, weights, inside) or best_window(found, weights, text)
    return None if best is None else _of(text, best)


def _searched(domain: str, hit: SearchHit) -> str:
    """Return the searched fields of a row without its own text; of a domain that is no longer declared, all."""
    names = get_domain(domain).search if domain in domain_names() else tuple(hit.payload)
    values = [hit.payload.get(name) for name in names]
    return "\n".join(" ".join(map(str, value)) if isinstance(value, list) else str(value or "") for value in values)


def _of(text: str, span: Span) -> Passage:
    return Passage(text=text[span[0] : span[1]], start=span[0], end=span[1])
