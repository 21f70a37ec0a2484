"""The language of a row in Latin script: its words are found by the stems of their own language, too.

A row says in which language it is, by its function words. A query is too short for that, so it asks by the stems of
all languages in which a domain has rows. English stems are those of every row, so a row whose language is not
recognised is found as before.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence

from pc_worker.store.search.words.stopwords import function_words
from pc_worker.store.search.words.term_hash import term_hash

#: The languages with their own stemmer, and its name.
LANGUAGES = {
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "id": "indonesian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "sv": "swedish",
    "tr": "turkish",
}
#: English words that no other of these languages has; a row with this many of them is English.
ENGLISH = frozenset(("the", "and", "that", "with", "from", "this", "which", "were", "their", "these"))
MIN_ENGLISH = 3
#: The fewest distinct function words of a language that decide, and by how much they exceed the next best language.
MIN_WORDS = 3
#: A domain has a language if this share of its rows is in it: fewer are mistakes, or quotations.
MIN_SHARE = 0.02
#: The most languages that a query asks for, those of most rows.
MAX_LANGUAGES = 4


def language_of(words: Sequence[str]) -> str | None:
    """Return the language of a text with these words; None if it is English or not certain.

    >>> language_of("the end of the war and the peace with France".split())
    >>> language_of("bu kitap bir okul için çok güzel ve daha ucuz".split())
    'tr'
    """
    if len(ENGLISH.intersection(words)) >= MIN_ENGLISH:
        return None
    known = _languages_by_word()
    found = known.keys() & {word.lower() for word in words}
    counts = Counter(language for word in found for language in known[word])
    (first, most), (_, next_most) = [*counts.most_common(2), ("", 0), ("", 0)][:2]
    return first if first in LANGUAGES and most >= MIN_WORDS and most > next_most else None


def language_term(domain: str, language: str) -> int:
    """Return the term of all rows of a domain that are in a language."""
    return term_hash(domain, "\4", language)


@functools.lru_cache(maxsize=1_000)
def language_terms(domain: str) -> dict[int, str]:
    """Return the languages by their terms."""
    return {language_term(domain, language): language for language in LANGUAGES}


@functools.cache
def _languages_by_word() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for language in ("en", "vi", *LANGUAGES):
        for word in function_words(language):
            found[word] = (*found.get(word, ()), language)
    return found
