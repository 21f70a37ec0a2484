"""How much of a text a model can read, judged by what its tokenizer makes of it.

A tokenizer cuts words of a script that the model was hardly trained on into single characters, or into tokens for what
is unknown. The vectors of such texts are noise, however similar they are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def readable_share(text: str, known: Iterable[tuple[int, int]]) -> float:
    """Return the share of the letters that are in tokens of two letters or more, or words of their own; 1 without any.

    Args:
        text: The text.
        known: Start and end of the characters of each token that is not unknown.

    >>> readable_share("tea 茶道", [(0, 3), (4, 5), (5, 6)])
    0.6
    """
    letters = [unicodedata.category(character)[0] in "LM" for character in text]
    readable = [False] * len(text)
    for start, end in known:
        if sum(letters[start:end]) >= 2:
            readable[start:end] = [True] * (end - start)
    for place, (before, _, after) in enumerate(zip([False, *letters], letters, [*letters[1:], False], strict=False)):
        if not before and not after:  # a word of one letter: "C", "a"
            readable[place] = True
    total = sum(letters)
    return sum(read for read, letter in zip(readable, letters, strict=True) if letter) / total if total else 1.0
