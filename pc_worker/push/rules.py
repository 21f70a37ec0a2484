"""The rules of a stock batch server's columns: each returns the value to send, or raises ``UnfitValue``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

#: Returns a field's value as the server accepts it, or raises ``UnfitValue``.
FieldRule = Callable[[Json], Json]

MAX_YEARS = 2**31 - 1
#: What Java's OffsetDateTime parses: with ``T`` and offset, at most nine fractional digits.
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)


class UnfitValue(ValueError):
    """The server could not store the row; the message names the field and the reason."""


def optional_text(value: Json) -> Json:
    """Return a text or null unchanged."""
    if value is not None and not isinstance(value, str):
        raise UnfitValue("is no text")
    return value


def required_text(value: Json) -> Json:
    """Return a text; the column is NOT NULL, and a null would fail the whole message."""
    if value is None:
        raise UnfitValue("missing, and the server's column is NOT NULL")
    return optional_text(value)


def filled_text(value: Json) -> Json:
    """Return a text that is not blank; the server would drop the row and report success."""
    text = required_text(value)
    if not str(text).strip():
        raise UnfitValue("blank, for which the server would drop the row in silence")
    return text


def years_from(least: int) -> FieldRule:
    """Return the rule of a column whose CHECK requires integers from ``least`` on, or null."""

    def years(value: Json) -> Json:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MAX_YEARS:
            raise UnfitValue(f"{str(value)[:40]!r} is no whole number from {least} on")
        return value

    return years


def timestamp(value: Json) -> Json:
    """Return an ISO 8601 timestamp with ``T`` and offset; null for a blank text."""
    text = optional_text(value)
    if text is None or not str(text).strip():
        return None
    try:
        if TIMESTAMP.fullmatch(str(text)):
            datetime.fromisoformat(str(text))
            return text
    except ValueError:
        pass
    raise UnfitValue(f"{str(text)[:40]!r} is no ISO 8601 time with T and offset")


def skills(value: Json) -> Json:
    """Return a list of texts without duplicates; a row with the same skill twice would fail the whole upsert."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UnfitValue("is no list of texts")
    return list(dict.fromkeys(value))
