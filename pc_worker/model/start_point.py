"""Where a consumer starts in a log: at the beginning, now, after a position, or with the rows since a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pc_worker.errors import InvalidRequest

#: A position; the rows committed at or after a time; or, "now", only rows committed later.
StartPoint = int | datetime | Literal["now"]

BEGINNING: StartPoint = 0
MAX_POSITION = 2**63 - 1
FORMS = "beginning, now, a position, or a time in ISO 8601 such as 2026-11-29T06:00:00+01:00"


def read_start(value: int | str) -> StartPoint:
    """Read a start as users write it; a time without an offset is UTC.

    Raises:
        InvalidRequest: If it has none of the forms.

    >>> read_start("beginning"), read_start("17"), read_start(17), read_start("now")
    (0, 17, 17, 'now')
    >>> read_start("2026-11-29")
    datetime.datetime(2026, 11, 29, 0, 0, tzinfo=datetime.timezone.utc)
    """
    text = str(value).strip()
    if text in ("beginning", "now"):
        return "now" if text == "now" else BEGINNING
    if text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAX_POSITION:
        return int(text)
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{text[:80]!r} is no start: {FORMS}") from None
