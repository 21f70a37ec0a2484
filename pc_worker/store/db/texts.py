"""What PostgreSQL can hold as text."""

from __future__ import annotations


def storable(text: str) -> bool:
    """Tell whether PostgreSQL can hold ``text``: not with NUL or lone surrogates."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
