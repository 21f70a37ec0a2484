"""Stem words by their script.

The Snowball stemmers exist in C and in Python, with equal results; those in C take a fiftieth of the time. New texts
always have new words, so this time never ends.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable
from typing import Any

#: The stemmers of scripts that hardly more than one language uses, and the words that they understand.
STEMMERS = {
    "english": re.compile(r"[a-z']+"),
    "russian": re.compile(r"[а-я]+"),
    "arabic": re.compile(r"[ء-غف-ي]+"),
    "hindi": re.compile(r"[ऀ-ॿ]+"),
    "tamil": re.compile(r"[஀-௿]+"),
    "armenian": re.compile(r"[ա-և]+"),
    "greek": re.compile(r"[α-ω]+"),
}

#: Makes a stemmer. It has state, so each call of ``stem`` makes its own, which is safe in threads.
StemmerMaker = Callable[[], Any]


#: The Arabic article, with what is written as a part of it: and, so, in, like, to.
ARTICLE = re.compile("^(?:[وفبك]?ال|لل)(?=...)")


def stem(word: str, *, arabic: bool = True, former: bool = False) -> str:
    """Return the stem of a folded word; the word itself if its script has no stemmer.

    ``former``: as rules 3 did. The Arabic stemmer cuts other endings of a word with the article than of one without it.
    """
    for language, letters in STEMMERS.items():
        if letters.fullmatch(word):
            if language == "arabic" and not arabic:
                return word
            if language == "arabic" and not former:
                word = ARTICLE.sub("", word)
            if language == "arabic" and word.endswith("ه"):
                word = word[:-1] + "ة"  # folded from it: the stemmer cuts this ending with and without the article
            return str(_maker(language)().stemWord(word)) or word
    return word


def stem_in(word: str, name: str) -> str:
    """Return the stem of a word in lower case, with its accents, by the stemmer of a language."""
    return str(_maker(name)().stemWord(word)) or word


@functools.cache
def _maker(language: str) -> StemmerMaker:
    try:
        return compiled(language)
    except ImportError:  # a platform without its wheel
        return interpreted(language)


def compiled(language: str) -> StemmerMaker:
    """Return what makes the stemmer in C; without memory of its own, as ``word_forms`` remembers words."""
    from Stemmer import Stemmer

    return functools.partial(Stemmer, language, 0)


def interpreted(language: str) -> StemmerMaker:
    """Return what makes the stemmer in Python, from its own module: the package would load those of 30 languages."""
    module = importlib.import_module(f"snowballstemmer.{language}_stemmer")
    maker: StemmerMaker = getattr(module, f"{language.capitalize()}Stemmer")
    return maker
