"""English ordinals in a query: 1st also asks for 1 and first, and first for 1st."""

from __future__ import annotations

import re
from collections.abc import Iterator

NUMBERED = re.compile("([0-9]+)(?:st|nd|rd|th)")
WORDS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
    *("eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth"),
    *("nineteenth", "twentieth"),
)
NUMBERS = {word: number for number, word in enumerate(WORDS, start=1)}
BY_DIGITS = {str(number): word for word, number in NUMBERS.items()}
ENDINGS = {1: "st", 2: "nd", 3: "rd"}


def ordinal_forms(word: str) -> Iterator[str]:
    """Yield the other forms of an ordinal in lower case; none of other words.

    >>> [list(ordinal_forms(word)) for word in ("1st", "twelfth", "101st", "one")]
    [['1', 'first'], ['12th'], ['101'], []]
    """
    if word in NUMBERS:
        number = NUMBERS[word]
        yield f"{number}{ENDINGS.get(number, 'th')}"
    match = NUMBERED.fullmatch(word)
    if match is not None:
        yield match[1]
        if match[1] in BY_DIGITS:
            yield BY_DIGITS[match[1]]
