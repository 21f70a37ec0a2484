"""The words of a query, and the other spellings of each: a row counts by that spelling of which it has most.

`e-mail` asks for `e` and `mail`, or else for `email`. A row with all three must not count twice for one word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

#: What another spelling counts: with less than 0.8 judged collections are found as well as by the query's own spelling.
OTHER_SPELLING = 0.7


@dataclass(frozen=True, slots=True)
class Way:
    """Another way to write the words of a concept.

    Attributes:
        terms: Its terms.
        together: Whether a row needs all of them, and counts by the least one: `covid19` is not found by a 19.
        certain: Whether it is asked for even if no counted row has it; otherwise it is only a guess.
    """

    terms: tuple[int, ...]
    together: bool = False
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Concept:
    """Terms of a query that are one concept, and the other ways to write them."""

    terms: tuple[int, ...]
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class AskedWords:
    """The words of a query.

    Attributes:
        terms: Its terms, sorted and unique.
        concepts: Its concepts with several spellings, whose terms are among these.
        times: How often the query has a term, also in other spellings; of a term that is not here, once.
        grams: The terms that are no words, but pairs of characters of scripts without blanks.
    """

    terms: tuple[int, ...]
    concepts: tuple[Concept, ...] = ()
    times: Mapping[int, int] = field(default_factory=dict)
    grams: frozenset[int] = frozenset()

    @property
    def ids(self) -> list[int]:
        """All terms, those of other spellings included; sorted and unique."""
        return sorted({*self.terms, *self.others})

    @property
    def others(self) -> set[int]:
        """The terms of other spellings."""
        return {term for concept in self.concepts for way in concept.ways for term in way.terms}


def asked(terms: Iterable[int], concepts: Iterable[Concept] = ()) -> AskedWords:
    """Return the words of a query; without ways that the query asks for anyway.

    Args:
        terms: The terms, each as often as the query has it.
        concepts: The concepts. Their other spellings count as often as the least frequent of their terms.
    """
    counted = Counter(terms)
    kept = tuple(_kept(concepts, lambda way: counted.keys().isdisjoint(way.terms)))
    times = dict(counted)
    for concept in kept:
        count = min((counted[term] for term in concept.terms), default=1)
        times |= {term: count for way in concept.ways for term in way.terms}
    return AskedWords(tuple(sorted(counted)), kept, {term: count for term, count in times.items() if count > 1})


def possible(words: AskedWords, documents: Collection[int], *, current: bool = False) -> AskedWords:
    """Return the words without spellings that no row has.

    Args:
        words: The words.
        documents: The terms of the counted rows.
        current: Whether all rows are counted. Otherwise only guesses are left out: a newer row may have the others.
    """

    def is_possible(way: Way) -> bool:
        if way.certain and not current:
            return True
        found = [term in documents for term in way.terms]
        return all(found) if way.together or not way.certain else any(found)

    kept = _kept(words.concepts, is_possible)
    return replace(words, concepts=tuple(kept))


def limited_weights(words: AskedWords, weights: Mapping[int, float]) -> dict[int, float]:
    """Return the terms' weights; another spelling weighs at most as much as the words that it stands for.

    A rare spelling would otherwise weigh more: the row with `data-base` would be better than all about data bases.
    """
    found = dict(weights)
    for concept in words.concepts:
        most = sum(weights[term] for term in concept.terms if term in weights)
        for term in (term for way in concept.ways for term in way.terms if term in weights):
            found[term] = min(found[term], OTHER_SPELLING * min(weights[term], most))
    return found


def needed_with_others(concepts: Iterable[Concept], rarest_first: Sequence[int]) -> set[int]:
    """Return the terms that count only together with a rarer one."""
    ways = [way.terms for concept in concepts for way in concept.ways]
    together = {way.terms for concept in concepts for way in concept.ways if way.together}
    enough = {term for terms in ways if terms not in together for term in terms}
    enough |= {min(terms, key=rarest_first.index) for terms in together}
    return {term for terms in together for term in terms} - enough


def within(concepts: Iterable[Concept], terms: Collection[int]) -> tuple[Concept, ...]:
    """Return the concepts with those ways only whose terms are all among ``terms``."""
    kept = _kept(concepts, lambda way: all(term in terms for term in way.terms))
    return tuple(replace(each, terms=tuple(term for term in each.terms if term in terms)) for each in kept)


def _kept(concepts: Iterable[Concept], keep: Callable[[Way], bool]) -> Iterator[Concept]:
    for concept in concepts:
        ways = tuple(way for way in concept.ways if keep(way))
        if ways:
            yield replace(concept, ways=ways)


def score_sql(terms: Collection[int], concepts: Iterable[Concept], summand: Callable[[int], str]) -> str:
    """Return the sum of the terms' scores as SQL; the terms of a concept count by its best way.

    A term of two concepts is in the sum of the first; the second adds what its best way has more than its terms.

    Args:
        terms: The terms of the query.
        concepts: Its concepts.
        summand: Returns the score of a term as SQL.
    """
    left, parts = dict.fromkeys(terms), []
    for concept in concepts:
        plain = _sum(concept.terms, summand)
        ways = [_way(way, summand) for way in concept.ways]
        if all(term in left for term in concept.terms):
            parts.append(f"greatest({', '.join([plain, *ways])})")
            for term in concept.terms:
                del left[term]
        else:
            parts.append(f"greatest(0, {', '.join(f'{way} - ({plain})' for way in ways)})")
    return " + ".join([*map(summand, left), *parts]) or "0"


def _way(way: Way, summand: Callable[[int], str]) -> str:
    return f"least({', '.join(map(summand, way.terms))})" if way.together else _sum(way.terms, summand)


def _sum(terms: Iterable[int], summand: Callable[[int], str]) -> str:
    return " + ".join(map(summand, terms)) or "0"
