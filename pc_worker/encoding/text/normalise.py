"""The form of a text that is hashed and encoded."""

from __future__ import annotations

import unicodedata
from hashlib import blake2b


def normalised_text(text: str) -> str:
    r"""Return ``text`` in Unicode NFC with every run of white space as one blank and none at the ends.

    >>> normalised_text("  Java,\n\t Spring ")
    'Java, Spring'
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def text_hash(text: str) -> bytes:
    """Return the 16-byte hash under which the vector of ``text`` is stored.

    Texts that are equal once normalised have equal hashes. A lone surrogate, which no encoder
    accepts, still has its own hash.
    """
    return blake2b(normalised_text(text).encode("utf-8", "surrogatepass"), digest_size=16).digest()
