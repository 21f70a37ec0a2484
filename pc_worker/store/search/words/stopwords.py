"""Function words of many languages, which a query may leave out: "what is the boiling point of" asks for two words.

Rows keep all their words. A query is too short to know its language for certain, and a function word of one language is
often a noun of another ("die", "war", "sin"), so only the words of one language per script are left out: the most usual
one of the script, or another one of which the query has at least two function words and more than of all others.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

LISTS = Path(__file__).with_name("stopwords.txt")
#: Languages by script, the most usual one first.
SCRIPTS = (
    ("en", "da", "de", "cs", "es", "fi", "fr", "hu", "id", "it", "nl", "no", "pl", "pt", "ro", "sv", "tr", "vi"),
    ("ru", "uk", "bg"),
    ("ar", "fa", "ur"),
    ("hi", "ne"),
    *(("bn",), ("el",), ("he",), ("ko",), ("ta",)),
)
#: Languages without blanks between words: their function words are left out wherever they occur.
UNSPACED = ("ja", "zh")
#: What may enclose or follow a word; signs that belong to a name (`c++`, `c#`, `.net`) make it another word.
PUNCTUATION = ",;:!?()[]{}\"'…¿¡«»„“”‘’、。，？！：；（）「」『』।؟،؛"
UPPER = re.compile(r"\b[^\W\d_]{2,}\b")


def without_function_words(query: str) -> str:
    """Return a query without its function words; unchanged if nothing else is left.

    A word in capitals in a query that is not all in capitals is a name (IT, US, WHO) and stays.
    """
    names = {word.casefold() for word in UPPER.findall(query) if word.isupper()} if query != query.upper() else set()
    pieces = re.split(r"(\s+)", unicodedata.normalize("NFC", query))
    words = [_plain(piece) for piece in pieces]
    left_out = _of_one_language(words) - names
    kept = "".join(piece for piece, word in zip(pieces, words, strict=True) if word not in left_out)
    kept = _unspaced().sub(" ", kept).strip()
    return kept if any(character.isalnum() for character in kept) else query


def function_words(language: str) -> frozenset[str]:
    """Return the function words of a language, in lower case; none of one that has no list."""
    return _lists().get(language, frozenset())


def _plain(piece: str) -> str:
    word = unicodedata.normalize("NFKC", piece).casefold().replace("’", "'").strip(PUNCTUATION)
    return word.rstrip(".")


def _of_one_language(words: Iterable[str]) -> set[str]:
    """Return the function words among ``words`` of the language that each script's words are probably in."""
    found: set[str] = set()
    known = _lists()
    distinct = set(words) - {""}
    for languages in SCRIPTS:
        counts = Counter({language: len(distinct & known[language]) for language in languages})
        usual = languages[0]
        (likely, count), *_ = counts.most_common(1)  # of equal counts the first language
        found |= distinct & known[likely if count > max(1, counts[usual]) else usual]
    return found


@functools.cache
def _lists() -> Mapping[str, frozenset[str]]:
    """Return the function words by language, as `_plain` writes words."""
    words: dict[str, set[str]] = {}
    language = ""
    for line in LISTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        start, colon, rest = line.partition(": ")
        if colon:
            language = start
        words.setdefault(language, set()).update(_plain(word) for word in (rest if colon else line).split())
    return {language: frozenset(found) for language, found in words.items()}


@functools.cache
def _unspaced() -> re.Pattern[str]:
    words = sorted((word for language in UNSPACED for word in _lists()[language]), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, words)))
