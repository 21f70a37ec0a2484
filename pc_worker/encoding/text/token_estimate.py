"""The number of tokens of a text for a server whose tokenizer is not known: an estimate that is rarely too low."""

from __future__ import annotations

from collections.abc import Sequence

#: English prose has 4 to 5 characters per token, numbers and code about 3.
ASCII_PER_TOKEN = 3
#: Tokens of two characters beyond ASCII: Hangul, Kanji and Thai have 0.7 to 1.5 tokens per character.
TOKENS_OF_TWO_OTHERS = 3
#: Begin and end of a text.
SPECIAL = 2


def estimated_tokens(text: str) -> int:
    """Return the estimate for a text, with special tokens.

    >>> estimated_tokens("embedding"), estimated_tokens("임베딩")
    (5, 7)
    """
    ascii_chars = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
    others = len(text) - ascii_chars
    return SPECIAL + -(-ascii_chars // ASCII_PER_TOKEN) + -(-others * TOKENS_OF_TWO_OTHERS // 2)


def most_tokens(texts: Sequence[str]) -> int:
    """Return the number of tokens that no tokenizer exceeds: one per byte, and special ones."""
    return sum(len(text.encode()) + SPECIAL for text in texts)


def cut_to(text: str, most: int) -> str:
    """Return the longest beginning of ``text``, within a few characters, whose estimate is at most ``most``."""
    while (tokens := estimated_tokens(text)) > most:
        text = text[: min(len(text) - 1, len(text) * most // tokens)]
    return text
