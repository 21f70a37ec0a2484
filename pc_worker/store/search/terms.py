"""Convert text to search terms: stemmed words, n-grams for scripts without blanks between words, and facets.

A term is an integer: a hash of the domain and the word, so that each domain has its own posting lists in one index.
Terms of words are positive. A payload field with its value is a *facet*, a negative id in the same list: the
same index then answers filters; `filters/facets.py` makes them.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from pc_worker.model import RowTerms
from pc_worker.store.db.copy import cut
from pc_worker.store.search.filters.facets import payload_terms
from pc_worker.store.search.words.term_hash import DIMENSION
from pc_worker.store.search.words.word_counts import count_words

SPARSEVEC = struct.Struct(">iii")


def row_terms(domain: str, text: str, payload: Mapping[str, object]) -> RowTerms:
    """Return the terms of a row: those of the words of ``text``, and the facets of ``payload``."""
    (terms,) = rows_terms(domain, [(text, payload)])
    return terms


def rows_terms(domain: str, rows: Sequence[tuple[str, Mapping[str, object]]]) -> list[RowTerms]:
    """Return the terms of each row, given as its text and its payload; in one pass, which costs a fraction."""
    result = []
    for words, (_, payload) in zip(count_words(domain, (text for text, _ in rows)), rows, strict=True):
        found = payload_terms(domain, payload)
        ids = sorted(found.facets) + words.ids
        result.append(RowTerms(ids, words.counts, words.length, frozenset(found.fields)))
    return result


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
