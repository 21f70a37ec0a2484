"""The words of a query by older rules, which find rows until `index build --terms` has replaced their terms.

Queries by rules 3 find rows by rules 2 without words of their own. Removed with the next release.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator

from pc_worker.store.search.words.splitting import (
    MAX_WORD_CHARS,
    RULES,
    run_query_grams,
    split_words,
    word_forms,
    words_of,
)
from pc_worker.store.search.words.stemming import stem

#: The oldest rules.
FIRST = 1
NGRAM_SCRIPTS = "가-힣ᄀ-ᇿ㄰-㆏\u3040-\u30ff\u31f0-\u31ff々㐀-䶿一-鿿豈-\ufaff\U00020000-\U0003ffff"
STEMMED = re.compile(r"[a-z']+|[а-яё]+")


def former_query_words(text: str, oldest: int) -> Iterator[str]:
    """Yield the words of a query that find the rows by rules from ``oldest`` on, other than the present ones."""
    if oldest < RULES:
        tokens, runs = split_words(text, former=True)
        yield from (form for token in tokens for word in words_of(token) for form, _ in word_forms(word, former=True))
        yield from (gram for run in runs for gram in run_query_grams(run))
    if oldest <= FIRST:
        yield from first_query_words(text)


def first_query_words(text: str) -> Iterator[str]:
    """Yield the words of a query by rules 1."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    for match in _token().finditer(folded):
        token = match.group()
        if match.group(1) is None:
            word = token[:MAX_WORD_CHARS]
            yield stem(word) if STEMMED.fullmatch(word) else word
        else:
            yield from (token[i : i + 2] for i in range(len(token) - 1)) if len(token) > 1 else token


@functools.cache  # not compiled at the start: few installations have such rows
def _token() -> re.Pattern[str]:
    return re.compile(rf"([{NGRAM_SCRIPTS}]+)|[^\W_{NGRAM_SCRIPTS}]+(?:'[^\W_{NGRAM_SCRIPTS}]+)*(?:\+\+|#)?")
