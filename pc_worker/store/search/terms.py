"""Convert text to search terms: stemmed words, n-grams for scripts without blanks between words, and facets.

A term is an integer: a hash of the domain and the word, so that each domain has its own posting lists in one index.
Terms of words are positive. A payload field with its value is a *facet*, a negative id in the same list: the
same index then answers filters; `facets.py` makes them.
"""

from __future__ import annotations

import functools
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, islice

import numpy as np

from pc_worker.model import RowTerms
from pc_worker.store.db.copy import cut
from pc_worker.store.search.facets import payload_terms
from pc_worker.store.search.former_words import former_query_words
from pc_worker.store.search.term_hash import DIMENSION, term_hash
from pc_worker.store.search.words import RULES, run_grams, run_query_grams, split_words, word_forms

#: The most distinct words stored for a row, the first ones: the limit of `sparsevec`.
MAX_WORDS = 16_000
#: Longer runs of text without blanks are sentences, which hardly repeat.
SHORT = 10
SPARSEVEC = struct.Struct(">iii")


def row_terms(domain: str, text: str, payload: Mapping[str, object]) -> RowTerms:
    """Return the terms of a row: those of the words of ``text``, and the facets of ``payload``."""
    words, runs = split_words(text)
    grams = [
        term for run in runs for term in (_run_terms if len(run) <= SHORT else _run_terms.__wrapped__)(domain, run)
    ]
    counts: dict[int, float] = {}
    for word, times in Counter(words).items():
        for term, weight in _word_terms(domain, word):
            counts[term] = counts.get(term, 0) + weight * times
    for term, times in Counter(grams).items():
        counts[term] = counts.get(term, 0) + times
    kept = dict(islice(counts.items(), MAX_WORDS)) if len(counts) > MAX_WORDS else counts
    ids = sorted(kept)
    found = payload_terms(domain, payload)
    numbers = [kept[term] for term in ids]
    return RowTerms(sorted(found.facets) + ids, numbers, len(words) + len(grams), frozenset(found.fields))


def query_terms(domain: str, text: str, *, oldest: int = RULES) -> list[int]:
    """Return the sorted, unique terms of a query's words; no character has a special meaning.

    Args:
        domain: The domain to search.
        text: The query.
        oldest: The oldest rules by which the terms of a row of the domain were made: these find it too.
    """
    words, runs = split_words(text)
    terms = {term for word in words for term, _ in _word_terms(domain, word)}
    terms.update(_word_id(domain, gram) for run in runs for gram in run_query_grams(run))
    if oldest < RULES:
        terms.update(_word_id(domain, word) for word in former_query_words(text))
    return sorted(terms)


def sparsevec_binary(terms: RowTerms) -> bytes:
    """Return the counts of a row's words in the binary form of `sparsevec`, for COPY."""
    return sparsevecs_binary([terms])[0]


def sparsevecs_binary(rows: Sequence[RowTerms]) -> list[bytes]:
    """Return each row's counts of words in the binary form of `sparsevec`, for COPY.

    The form is that of pgvector's ``sparsevec_recv``: int32 dimension, number of elements and zero, then ascending
    int32 indices from 0, and float4 values.
    """
    words = chain.from_iterable(terms.ids[len(terms.ids) - len(terms.counts) :] for terms in rows)
    indices = (np.fromiter(words, np.int64) - 1).astype(">i4").tobytes()
    values = np.fromiter(chain.from_iterable(terms.counts for terms in rows), ">f4").tobytes()
    sizes = [4 * len(terms.counts) for terms in rows]
    parts = zip(sizes, cut(indices, sizes), cut(values, sizes), strict=True)
    return [SPARSEVEC.pack(DIMENSION, size // 4, 0) + index + value for size, index, value in parts]


@functools.lru_cache(maxsize=100_000)
def _word_terms(domain: str, word: str) -> tuple[tuple[int, float], ...]:
    return tuple((_word_id(domain, form), weight) for form, weight in word_forms(word))


@functools.lru_cache(maxsize=100_000)
def _run_terms(domain: str, run: str) -> tuple[int, ...]:
    return tuple(_word_id(domain, gram) for gram in run_grams(run))


@functools.lru_cache(maxsize=100_000)
def _word_id(domain: str, word: str) -> int:
    return term_hash(domain, word)
