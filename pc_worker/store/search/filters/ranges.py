"""The ends of ranges in filters: numbers as JSON writes them, and dates with or without a time and a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from pc_worker.model.filter import Condition
from pc_worker.store.search.values import NUMBER

DATE_CHARS = 10
DAY = timedelta(days=1, microseconds=-1)


class NotARange(ValueError):
    """The end of a range is neither a number nor a date."""


def range_end(condition: Condition) -> Decimal | datetime:
    """Return where the range of a condition ends; a day means its first instant, or its last for ``<=`` and ``>``.

    Raises:
        NotARange: If the value is neither a number nor an ISO 8601 date.
    """
    value = (condition.values[0] or "").strip()
    if NUMBER.fullmatch(value):
        return Decimal(value)
    try:
        time = datetime.fromisoformat(value)
        time = time if time.tzinfo else time.replace(tzinfo=UTC)
        whole_day = len(value) == DATE_CHARS and condition.operator in ("<=", ">")
        return time + DAY if whole_day else time
    except (ValueError, OverflowError) as exc:
        raise NotARange(value) from exc
