"""Find the words of a query in a text, by the terms of the search, and the part of the text with most of them."""

from __future__ import annotations

import functools
import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from pc_worker.store.search.query.query_words import asked_words, known_terms

# Letters, digits and the marks of all scripts; `c++`, `c#` and `don't` are single words, `e-mail` is a compound.
ONE_WORD = r"(?:[^\W_]|[^\x00-\x7f\s\u00a0-\u00bf\u2000-\u206f\u3000-\u303f\uff00-\uff0f])+(?:['’][^\W_]+)*(?:\+\+|#)?"
WORD = re.compile(ONE_WORD)
COMPOUND = re.compile(rf"{ONE_WORD}(?:(?:[-_./&\u2010-\u2013]|,(?=[0-9]{{3}}(?![0-9]))){ONE_WORD})*")
#: Longer ones are data without blanks, or a text of a script without blanks between its words.
MAX_CACHED_CHARS = 40
#: Characters of a passage where a text is not divided into passages, and of those before its first matched word.
WINDOW, BEFORE = 300, 60

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Match:
    """A word of a text that the query asks for: its place, and the query's terms that it contains."""

    start: int
    end: int
    terms: frozenset[int]


START = attrgetter("start")


def matched_words(domain: str, query: str, text: str) -> list[Span]:
    """Return the places of the query's words in a text, in order and without overlaps."""
    joined: list[Span] = []
    for match in matches(domain, asked_words(domain, query).ids, text):
        if joined and match.start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], match.end))
        else:
            joined.append((match.start, match.end))
    return joined


def matches(domain: str, terms: Collection[int], text: str, languages: tuple[str, ...] = ()) -> Iterator[Match]:
    """Yield the words of ``text`` that contain a term.

    The text may be in one of ``languages``. Of a word that is found by pairs of characters, each pair; of a compound
    its parts, if these contain all its terms.
    """
    wanted = frozenset(terms)
    for compound in COMPOUND.finditer(text):
        found = _terms(domain, compound.group(), languages) & wanted
        if found:
            parts = [part for word in _words(compound) for part in _in_word(domain, wanted, word, languages)]
            known = frozenset().union(*(part.terms for part in parts))
            yield from parts if known >= found else [Match(compound.start(), compound.end(), found)]


def _words(compound: re.Match[str]) -> Sequence[re.Match[str]]:
    if compound.group().isalnum():
        return [compound]
    return list(WORD.finditer(compound.string, compound.start(), compound.end()))


def _in_word(domain: str, wanted: frozenset[int], word: re.Match[str], languages: tuple[str, ...]) -> Sequence[Match]:
    """Return the pairs of a word that contain a term, or the word, or nothing."""
    found = _terms(domain, word.group(), languages) & wanted
    if not found:
        return []
    return list(_pairs(domain, wanted, word)) or [Match(word.start(), word.end(), found)]


def _pairs(domain: str, wanted: frozenset[int], word: re.Match[str]) -> Iterator[Match]:
    text, start = word.group(), word.start()
    if len(text) < 3 or text.isascii():
        return
    for i in range(len(text) - 1):
        if found := _terms(domain, text[i : i + 2], ()) & wanted:
            yield Match(start + i, start + i + 2, found)


def _terms(domain: str, word: str, languages: tuple[str, ...]) -> frozenset[int]:
    find = _known_terms if len(word) <= MAX_CACHED_CHARS else known_terms
    return find(domain, word, languages)


_known_terms = functools.lru_cache(maxsize=100_000)(known_terms)


def best_passage(found: Sequence[Match], weights: Mapping[int, float], passages: Sequence[Span]) -> Span | None:
    """Return the passage with the heaviest matched terms, the first of equal ones; None without passages."""
    scored = [(_weight(found, weights, passage), -number) for number, passage in enumerate(passages)]
    return passages[-max(scored)[1]] if scored else None


def best_window(found: Sequence[Match], weights: Mapping[int, float], text: str) -> Span | None:
    """Return the part of a text with the heaviest matched terms, of about 300 characters; None without a match."""
    windows = [(match.start, match.start + WINDOW) for match in found]
    best = best_passage(found, weights, windows)
    return None if best is None else _whole_words(text, max(0, best[0] - BEFORE), min(len(text), best[1] - BEFORE))


def _weight(found: Sequence[Match], weights: Mapping[int, float], passage: Span) -> tuple[float, int]:
    """Return the weight of the distinct terms in a passage, and the number of their occurrences."""
    first = bisect_left(found, passage[0], key=START)
    last = bisect_left(found, passage[1], key=START)
    inside = [match.terms for match in found[first:last] if match.end <= passage[1]]
    terms = frozenset().union(*inside)
    return round(sum(weights.get(term, 0.0) for term in terms), 6), len(inside)


def _whole_words(text: str, start: int, end: int) -> Span:
    """Return the range without the parts of words at its ends, where blanks divide words."""
    if start and (blank := text.find(" ", start, start + BEFORE // 2)) >= 0:
        start = blank + 1
    if end < len(text) and (blank := text.rfind(" ", end - BEFORE // 2, end)) >= 0:
        end = blank
    return start, end
