"""Count the terms of the words of many texts in one pass: NumPy sums them, so that a word costs one look-up.

A token with one form, as most have, is looked up as the id of that form, a positive number. A token with several forms,
such as `café` or `e-mail`, or with none, is looked up as a number below 0, and its forms replace it after counting.
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pc_worker.store.search.words.languages import language_of, language_term
from pc_worker.store.search.words.splitting import run_grams, split_words, token_forms
from pc_worker.store.search.words.term_hash import term_hash

#: The most distinct terms stored for a row, those of its first words: the limit of `sparsevec`.
MAX_WORDS = 16_000
#: Longer runs of text without blanks are sentences, which hardly repeat.
SHORT = 10
#: Words that are counted at once, in several arrays of 8 bytes each.
AT_ONCE = 200_000
#: Words that are remembered for a domain; after that many it starts again.
REMEMBERED = 200_000
#: A key is the number of a text and a word in one integer, so that one sort counts the words of all texts.
SHIFT, MIDDLE = 32, 1 << 31

#: Arrays of one dimension: shape (n,), keys and counts of terms.
Integers = NDArray[np.int64]
#: Shape (n,).
Floats = NDArray[np.float64]
Forms = tuple[tuple[int, float], ...]
#: The forms of tokens with a number below 0, and the number of words of each.
Several = dict[int, tuple[Forms, int]]


class WordCounts(NamedTuple):
    """The terms of a text, sorted and unique; how often each occurs; and the number of all words and n-grams."""

    ids: list[int]
    counts: list[float]
    length: int


class Vocabulary(dict[str, int]):
    """The tokens of a domain: the id of the only form of each, or a number below 0."""

    def __init__(self, domain: str, language: str | None = None, several: Several | None = None) -> None:
        super().__init__()
        self._domain, self._language = domain, language
        self._several: Several = {} if several is None else several
        self._languages: dict[str, Vocabulary] = {}

    def __missing__(self, token: str) -> int:
        weighed, words = token_forms(token, self._language)
        forms = tuple((term_hash(self._domain, form), weight) for form, weight in weighed)
        number = forms[0][0] if words == 1 and len(forms) == 1 else self._number(token, forms, words)
        self[token] = number
        return number

    def _number(self, token: str, forms: Forms, words: int) -> int:
        number = -term_hash(self._domain, "\3", self._language or "", token)
        self._several[number] = (forms, words)
        return number

    def of(self, language: str) -> Vocabulary:
        """Return the words of rows in a language; the numbers are of this vocabulary, too."""
        if language not in self._languages:
            self._languages[language] = Vocabulary(self._domain, language, self._several)
        return self._languages[language]

    def mark(self, language: str) -> int:
        """Return the number that says in which language a row is; it is no word."""
        return self._number("\4", ((language_term(self._domain, language), 1),), 0)

    @property
    def size(self) -> int:
        """The number of tokens that are remembered."""
        return len(self) + sum(map(len, self._languages.values()))

    def forms(self, number: int) -> Forms:
        """Return the terms of a token, and what each counts."""
        return ((number, 1),) if number > 0 else self._several[number][0]

    def words(self, number: int) -> int:
        """Return the number of a token's words: 2 of `e-mail`, none of a dash."""
        return 1 if number > 0 else self._several[number][1]


_vocabularies: dict[str, Vocabulary] = {}


def vocabulary(domain: str) -> Vocabulary:
    """Return the words that are remembered for a domain; hold on to it while its numbers are in use."""
    known = _vocabularies.get(domain)
    if known is None or known.size > REMEMBERED:
        known = _vocabularies[domain] = Vocabulary(domain)
    return known


def count_words(domain: str, texts: Iterable[str]) -> Iterator[WordCounts]:
    """Yield the terms of each text."""
    known = vocabulary(domain)
    waiting: list[list[int]] = []
    size = 0
    for text in texts:
        numbers = _numbers(domain, known, text)
        if size + len(numbers) > AT_ONCE and waiting:
            yield from _counted(known, waiting)
            waiting, size = [], 0
        waiting.append(numbers)
        size += len(numbers)
    if waiting:
        yield from _counted(known, waiting)


def _numbers(domain: str, known: Vocabulary, text: str) -> list[int]:
    words, runs = split_words(text)
    language = language_of(words)
    if language is None:
        numbers = list(map(known.__getitem__, words))
    else:
        numbers = [*map(known.of(language).__getitem__, words), known.of(language).mark(language)]
    for run in runs:
        numbers += _run_terms(domain, run) if len(run) <= SHORT else _run_terms.__wrapped__(domain, run)
    return numbers


@functools.lru_cache(maxsize=100_000)
def _run_terms(domain: str, run: str) -> tuple[int, ...]:
    return tuple(word_id(domain, gram) for gram in run_grams(run))


@functools.lru_cache(maxsize=100_000)
def word_id(domain: str, word: str) -> int:
    """Return the id of a word that is indexed as it is."""
    return term_hash(domain, word)


def _counted(known: Vocabulary, texts: Sequence[list[int]]) -> Iterator[WordCounts]:
    """Yield the terms of each text; ``texts`` has the numbers of the tokens of each."""
    sizes = [len(numbers) for numbers in texts]
    tokens = np.fromiter(chain.from_iterable(texts), np.int64, sum(sizes))
    keys, times = np.unique((np.repeat(np.arange(len(texts)), sizes) << SHIFT) + MIDDLE + tokens, return_counts=True)
    numbers = _numbers_of(keys)
    lengths, counts = sizes, times.astype(float)
    if numbers.min(initial=1) < 0:
        lengths, keys, counts = _with_forms(known, sizes, keys, counts)
    ends = np.searchsorted(keys, np.arange(len(texts) + 1) << SHIFT).tolist()
    ids = _numbers_of(keys)
    for tokens_of, length, (start, end) in zip(texts, lengths, pairwise(ends), strict=True):
        if end - start > MAX_WORDS:
            yield _first_words(known, tokens_of, length)
        else:
            yield WordCounts(ids[start:end].tolist(), counts[start:end].tolist(), length)


def _numbers_of(keys: Integers) -> Integers:
    return (keys & ((1 << SHIFT) - 1)) - MIDDLE


def _with_forms(
    known: Vocabulary, sizes: Sequence[int], keys: Integers, counts: Floats
) -> tuple[list[int], Integers, Floats]:
    """Return the number of words of each text, and sorted keys with the forms of tokens in place of numbers below 0."""
    numbers = _numbers_of(keys)
    several = numbers < 0
    lengths = list(sizes)
    added: dict[int, float] = defaultdict(float)
    columns = ((keys - numbers)[several], numbers[several], counts[several])
    for base, number, count in zip(*(column.tolist() for column in columns), strict=True):
        lengths[base >> SHIFT] += (known.words(number) - 1) * int(count)
        for term, weight in known.forms(number):
            added[base + term] += weight * count
    return (lengths, *_merged(keys[~several], counts[~several], added))


def _merged(keys: Integers, counts: Floats, added: Mapping[int, float]) -> tuple[Integers, Floats]:
    """Return sorted keys with counts; cheaper than to sort them all again, as few are added."""
    others = np.array(sorted(added), np.int64)
    more = np.array([added[key] for key in others.tolist()], float)
    places = np.searchsorted(keys, others)
    known = np.zeros(len(others), bool)
    inside = places < len(keys)
    known[inside] = keys[places[inside]] == others[inside]
    counts[places[known]] += more[known]
    return np.insert(keys, places[~known], others[~known]), np.insert(counts, places[~known], more[~known])


def _first_words(known: Vocabulary, numbers: Sequence[int], length: int) -> WordCounts:
    counts: dict[int, float] = {}
    for number, times in Counter(numbers).items():
        for term, weight in known.forms(number):
            counts[term] = counts.get(term, 0) + weight * times
    kept = dict(islice(counts.items(), MAX_WORDS))
    ids = sorted(kept)
    return WordCounts(ids, [kept[term] for term in ids], length)
