"""Count the terms of the words of many texts in one pass: NumPy sums them, so that a word costs one look-up.

A word with one form, as most have, is looked up as the id of that form, a positive number. A word with several forms,
such as `café`, is looked up as a number below 0, and its forms replace it after counting.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pc_worker.store.search.term_hash import term_hash
from pc_worker.store.search.words import run_grams, split_words, word_forms

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

#: One dimension: shape (n,).
Integers = NDArray[np.int64]
Forms = tuple[tuple[int, float], ...]


class WordCounts(NamedTuple):
    """The terms of a text, sorted and unique; how often each occurs; and the number of all words and n-grams."""

    ids: list[int]
    counts: list[float]
    length: int


class Vocabulary(dict[str, int]):
    """The words of a domain: the id of the only form of each, or a number below 0 if it has several."""

    def __init__(self, domain: str) -> None:
        super().__init__()
        self._domain = domain
        self._several: dict[int, Forms] = {}

    def __missing__(self, word: str) -> int:
        forms = tuple((term_hash(self._domain, form), weight) for form, weight in word_forms(word))
        number = forms[0][0]
        if len(forms) > 1:
            number = -term_hash(self._domain, "\3", word)
            self._several[number] = forms
        self[word] = number
        return number

    def forms(self, number: int) -> Forms:
        """Return the terms of a word, and what each counts."""
        return ((number, 1),) if number > 0 else self._several[number]


_vocabularies: dict[str, Vocabulary] = {}


def vocabulary(domain: str) -> Vocabulary:
    """Return the words that are remembered for a domain; hold on to it while its numbers are in use."""
    known = _vocabularies.get(domain)
    if known is None or len(known) > REMEMBERED:
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
    numbers = list(map(known.__getitem__, words))
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
    """Yield the terms of each text; ``texts`` has the numbers of the words of each."""
    lengths = [len(numbers) for numbers in texts]
    words = np.fromiter(chain.from_iterable(texts), np.int64, sum(lengths))
    keys, times = np.unique((np.repeat(np.arange(len(texts)), lengths) << SHIFT) + MIDDLE + words, return_counts=True)
    keys, counts = _with_forms(known, keys, times)
    ends = np.searchsorted(keys, np.arange(len(texts) + 1) << SHIFT).tolist()
    ids = (keys & ((1 << SHIFT) - 1)) - MIDDLE
    for numbers, length, (start, end) in zip(texts, lengths, pairwise(ends), strict=True):
        if end - start > MAX_WORDS:
            yield _first_words(known, numbers)
        else:
            yield WordCounts(ids[start:end].tolist(), counts[start:end].tolist(), length)


def _with_forms(known: Vocabulary, keys: Integers, times: Integers) -> tuple[Integers, NDArray[np.generic]]:
    """Return sorted keys and their counts with the forms of each word in place of its number below 0."""
    numbers = (keys & ((1 << SHIFT) - 1)) - MIDDLE
    if not (numbers < 0).any():
        return keys, times
    single = numbers > 0
    columns = (keys - numbers, numbers, times)
    words = zip(*(column[~single].tolist() for column in columns), strict=True)
    found = [(base + term, weight * count) for base, number, count in words for term, weight in known.forms(number)]
    several, weights = zip(*found, strict=True)
    all_keys, places = np.unique(np.concatenate([keys[single], np.array(several)]), return_inverse=True)
    return all_keys, np.bincount(places, np.concatenate([times[single], np.array(weights)]))


def _first_words(known: Vocabulary, numbers: Sequence[int]) -> WordCounts:
    counts: dict[int, float] = {}
    for number, times in Counter(numbers).items():
        for term, weight in known.forms(number):
            counts[term] = counts.get(term, 0) + weight * times
    kept = dict(islice(counts.items(), MAX_WORDS))
    ids = sorted(kept)
    return WordCounts(ids, [kept[term] for term in ids], len(numbers))
