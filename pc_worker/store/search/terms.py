"""Convert text to search terms: stemmed words, n-grams for scripts without blanks between words, and facets.

A term is an integer: a hash of the domain and the word, so that each domain has its own posting lists in one index.
Terms of words are positive. A payload field with its value is a *facet*, a negative id in the same list: the
same index then answers filters; `facets.py` makes them.

The stemmer depends on the script, not on a guess of the language, so that a query and a row always agree: English for
Latin letters, Russian for Cyrillic ones, none for all others.
"""

from __future__ import annotations

import functools
import re
import struct
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

from pc_worker.model import RowTerms
from pc_worker.store.db.copy import cut
from pc_worker.store.search.facets import payload_terms
from pc_worker.store.search.term_hash import DIMENSION, term_hash

#: The most distinct words stored for a row, the first ones: the limit of `sparsevec`.
MAX_WORDS = 16_000
#: A longer "word" is data (base64, hashes), which its beginning identifies well enough.
MAX_WORD_CHARS = 64
SPARSEVEC = struct.Struct(">iii")

# Hangul, kana, Han: scripts whose words have endings or are not separated by blanks.
NGRAM_SCRIPTS = "가-힣ᄀ-ᇿ㄰-㆏\u3040-\u30ff\u31f0-\u31ff々㐀-䶿一-鿿豈-\ufaff\U00020000-\U0003ffff"
# `c++`, `c#` and `don't` are single words.
TOKEN = re.compile(rf"([{NGRAM_SCRIPTS}]+)|[^\W_{NGRAM_SCRIPTS}]+(?:'[^\W_{NGRAM_SCRIPTS}]+)*(?:\+\+|#)?")
LATIN = re.compile(r"[a-z']+")
CYRILLIC = re.compile(r"[а-яё]+")


def row_terms(domain: str, text: str, payload: Mapping[str, object]) -> RowTerms:
    """Return the terms of a row: those of the words of ``text``, and the facets of ``payload``."""
    occurrences = Counter(_row_words(text))
    counts: dict[int, int] = {}
    for word, count in list(occurrences.items())[:MAX_WORDS]:
        term = _word_id(domain, word)
        counts[term] = counts.get(term, 0) + count
    ids = sorted(counts)
    found = payload_terms(domain, payload)
    numbers = [counts[term] for term in ids]
    return RowTerms(sorted(found.facets) + ids, numbers, occurrences.total(), frozenset(found.fields))


def query_terms(domain: str, text: str) -> list[int]:
    """Return the sorted, unique terms of a query's words; no character has a special meaning."""
    return sorted({_word_id(domain, word) for word in _query_words(text)})


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


def _row_words(text: str) -> Iterator[str]:
    for token, ngrams in _tokens(text):
        if not ngrams:
            yield _stem(token)
            continue
        yield from token  # single characters too, so that a word of one syllable is found inside longer ones
        yield from _pairs(token)


def _query_words(text: str) -> Iterator[str]:
    for token, ngrams in _tokens(text):
        if not ngrams:
            yield _stem(token)
        else:
            yield from _pairs(token) if len(token) > 1 else token


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each token, and whether it is to be split into n-grams."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    for match in TOKEN.finditer(folded):
        ngrams = match.group(1) is not None
        yield (match.group() if ngrams else match.group()[:MAX_WORD_CHARS]), ngrams


def _pairs(token: str) -> Iterator[str]:
    return (token[i : i + 2] for i in range(len(token) - 1))


@functools.lru_cache(maxsize=100_000)  # a stemmer takes 20 µs per word, and texts repeat their words
def _stem(word: str) -> str:
    if LATIN.fullmatch(word):
        from snowballstemmer.english_stemmer import EnglishStemmer  # its package loads those of 30 languages

        return str(EnglishStemmer().stemWord(word))  # a stemmer has state: one a call is safe in threads
    if CYRILLIC.fullmatch(word):
        from snowballstemmer.russian_stemmer import RussianStemmer

        return str(RussianStemmer().stemWord(word))
    return word


@functools.lru_cache(maxsize=100_000)
def _word_id(domain: str, word: str) -> int:
    return term_hash(domain, word)
