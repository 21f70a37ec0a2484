"""What a stock batch server's tables demand of a field: each rule gives the value to send, or says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

#: Gives a field's value as the server takes it, or raises ``Unfit``.
Rule = Callable[[Json], Json]

MOST_YEARS = 2**31 - 1
#: What Java's OffsetDateTime parses: with ``T`` and offset, nine digits of a second at most.
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)


class Unfit(ValueError):
    """The row cannot be stored by the server; the message says which field and why."""


def optional_text(value: Json) -> Json:
    """Text or null: stored as it is."""
    if value is not None and not isinstance(value, str):
        raise Unfit("is no text")
    return value


def required_text(value: Json) -> Json:
    """Text of a column that is NOT NULL: null fails the whole chunk."""
    if value is None:
        raise Unfit("missing, and the server's column is NOT NULL")
    return optional_text(value)


def filled_text(value: Json) -> Json:
    """Text that is not blank: without it the server drops the row and still reports success."""
    text = required_text(value)
    if not str(text).strip():
        raise Unfit("blank, for which the server would drop the row in silence")
    return text


def years_from(least: int) -> Rule:
    """Whole years from ``least`` on, or null: a CHECK of the server's table."""

    def years(value: Json) -> Json:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST_YEARS:
            raise Unfit(f"{str(value)[:40]!r} is no whole number from {least} on")
        return value

    return years


def moment(value: Json) -> Json:
    """ISO 8601 with ``T`` and offset; blank is null."""
    text = optional_text(value)
    if text is None or not str(text).strip():
        return None
    try:
        if MOMENT.fullmatch(str(text)):
            datetime.fromisoformat(str(text))
            return text
    except ValueError:
        pass
    raise Unfit(f"{str(text)[:40]!r} is no ISO 8601 time with T and offset")


def skills(value: Json) -> Json:
    """A list of texts, each once: the server's upsert fails as a whole when a row names a skill twice."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Unfit("is no list of texts")
    return list(dict.fromkeys(value))
