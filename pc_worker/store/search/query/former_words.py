"""The words of a query by rules 1, which find rows until `index build --terms` has replaced their terms.

Queries by the present rules find rows by rules 2 without words of their own. Removed with the next release.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from pc_worker.store.search.words.splitting import MAX_WORD_CHARS
from pc_worker.store.search.words.stemming import stem

NGRAM_SCRIPTS = "가-힣ᄀ-ᇿ㄰-㆏\u3040-\u30ff\u31f0-\u31ff々㐀-䶿一-鿿豈-\ufaff\U00020000-\U0003ffff"
TOKEN = re.compile(rf"([{NGRAM_SCRIPTS}]+)|[^\W_{NGRAM_SCRIPTS}]+(?:'[^\W_{NGRAM_SCRIPTS}]+)*(?:\+\+|#)?")
STEMMED = re.compile(r"[a-z']+|[а-яё]+")


def former_query_words(text: str) -> Iterator[str]:
    """Yield the words of a query."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    for match in TOKEN.finditer(folded):
        token = match.group()
        if match.group(1) is None:
            word = token[:MAX_WORD_CHARS]
            yield stem(word) if STEMMED.fullmatch(word) else word
        else:
            yield from (token[i : i + 2] for i in range(len(token) - 1)) if len(token) > 1 else token
