"""The cleaning rules of fields: each converts one cell that is not null to its clean value.

All raise ``BadValue`` for a cell that cannot be stored, which makes the row dead.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from pc_worker.domains.cleaning.cells import BadValue, DropRow, checked_text, is_null, quoted
from pc_worker.reader import Json, normal

_YEARS = re.compile(r"\s*([0-9]+)y?\s*")
_MAX_YEARS = 2**31 - 1  # the wire's field is an int32
_TIMESTAMP = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?P<time>\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)\s?(?P<offset>Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
# Seconds, with or without minutes and hours; subtitles have a comma before the fraction.
_CLOCK = re.compile(
    r"(?:(?:(?P<hours>\d{1,4}):)?(?P<minutes>\d{1,2}):)?(?P<seconds>\d{1,12}(?:[.,]\d{1,9})?)", re.ASCII
)
# A duration as the normal form of a row has it.
_SPAN = re.compile(
    r"P(?P<days>\d{1,9})DT(?P<hours>\d{1,2})H(?P<minutes>\d{1,2})M(?P<seconds>\d{1,2}(?:\.\d{1,9})?)S", re.ASCII
)
_MAX_OFFSET = timedelta(hours=18)  # the limit of Java's ZoneOffset


def text(cell: object) -> str:
    """Return the text unchanged."""
    if not isinstance(cell, str):
        raise BadValue(f"{quoted(cell)} is no text")
    return checked_text(str(cell))


def filled_text(cell: object) -> str:
    """Return the text unless it is blank: without this field a stock batch server drops the row silently."""
    if not text(cell).strip():
        raise BadValue("blank")
    return text(cell)


def label(cell: object) -> str:
    """Return a name or a number as text, without white space at its ends."""
    if isinstance(cell, bool) or not isinstance(cell, str | int | np.integer):
        raise BadValue(f"{quoted(cell)} is no name or number")
    if isinstance(cell, int) and cell.bit_length() > 64:
        raise BadValue(f"{quoted(cell)} is too large for a name")
    name = checked_text(str(cell)).strip()
    if not name:
        raise BadValue("blank")
    return name


def texts(cell: object) -> list[Json]:
    """Return the distinct texts of a list, tuple or 1-D array, in their order.

    Raises:
        DropRow: If it is empty: a record without skills matches nothing.
    """
    items = cell.tolist() if isinstance(cell, np.ndarray) else cell
    if not isinstance(items, list | tuple):
        raise BadValue(f"{quoted(cell)} is no list of texts")
    if not items:
        raise DropRow("empty")
    # A stock batch server's upsert fails as a whole if a row names a skill twice.
    return list(dict.fromkeys(_element(item) for item in items))


def _element(item: object) -> str:
    if is_null(item):
        raise BadValue("a null inside the list")
    if not isinstance(item, str):
        raise BadValue(f"{quoted(item)} inside the list is no text")
    return checked_text(str(item))


def positive_years(cell: object) -> int | None:
    """Return whole years; None for ``no_exp`` and 0: the batch server's table accepts null or more than 0."""
    years = _years(cell)
    if isinstance(years, float):
        raise BadValue(f"{quoted(cell)} is no whole number of years")
    return years or None


def rounded_years(cell: object) -> int | None:
    """Return years rounded half to even; None for ``no_exp``."""
    years = _years(cell)
    return None if years is None else round(years)


def _years(cell: object) -> int | float | None:
    """Return the number in ``cell``: an int if it is whole, None for ``no_exp``."""
    if isinstance(cell, str):
        return _years_in_text(cell)
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal | np.integer | np.floating):
        raise BadValue(f"{quoted(cell)} is no number of years")
    if not 0 <= cell <= _MAX_YEARS:
        raise BadValue(f"{quoted(cell)} is no possible number of years")
    number = float(cell)
    return int(number) if number.is_integer() else number


def _years_in_text(cell: str) -> int | None:
    if cell == "no_exp":
        return None
    # Every int32 has at most ten digits; a longer text need not be converted.
    match = _YEARS.fullmatch(cell) if len(cell) < 20 else None
    if match is None or int(match[1]) > _MAX_YEARS:
        raise BadValue(f"{quoted(cell)} is no number of years")
    return int(match[1])


def timestamp(cell: object) -> str | None:
    """Return a timestamp as ISO 8601 text with ``T`` and offset; without an offset it is UTC, a date is its midnight.

    Accepts such text (also with a blank for the ``T``) and date and time cells. Blank text is null.
    """
    form = cell if isinstance(cell, str) else normal(cell)
    if not isinstance(form, str):
        raise BadValue(f"{quoted(cell)} is no date or time")
    if not form.strip():
        return None
    match = _TIMESTAMP.fullmatch(form.strip())
    if match is None:
        raise BadValue(f"{quoted(form)} is no ISO 8601 date or time")
    return _existing(f"{match['date']}T{_clock(match['time'])}{_offset(match['offset'])}", form)


def _clock(time: str | None) -> str:
    if time is None:
        return "00:00:00"
    whole, _, fraction = time.replace(",", ".").partition(".")
    # Java accepts at most nine digits of a second.
    return f"{whole}.{fraction[:9]}" if fraction else whole


def _offset(offset: str | None) -> str:
    if offset is None:
        return "+00:00"
    digits = offset[1:].replace(":", "")
    return offset if offset == "Z" else f"{offset[0]}{digits[:2]}:{digits[2:] or '00'}"


def _existing(timestamp_text: str, form: str) -> str:
    """Return ``timestamp_text`` if that date, time and offset exist."""
    try:
        if timestamp_text[11:13] == "24":  # newer Pythons accept it; PostgreSQL and Java would read different days
            raise ValueError
        offset = datetime.fromisoformat(timestamp_text).utcoffset()
    except ValueError as fault:
        raise BadValue(f"{quoted(form)} is no date or time that exists") from fault
    if offset is None or abs(offset) > _MAX_OFFSET:
        raise BadValue(f"{quoted(form)} has no offset that exists")
    return timestamp_text


def time_point(cell: object) -> Json:
    """Return when something happens: seconds from a beginning as a number, or a timestamp in UTC as ISO 8601 text.

    Accepts numbers and durations, text such as ``83.5``, ``1:23.5``, ``00:01:23,500`` and ``P0DT0H1M23.5S``, and what
    ``timestamp`` accepts. Blank text is null.
    """
    if isinstance(cell, timedelta):
        return _seconds(cell.total_seconds(), cell)
    if isinstance(cell, np.timedelta64):
        return _seconds(float(cell / np.timedelta64(1, "s")), cell)
    if isinstance(cell, int | float | Decimal | np.integer | np.floating) and not isinstance(cell, bool):
        return _seconds(cell, cell)
    text = cell.strip() if isinstance(cell, str) else ""
    if (match := _CLOCK.fullmatch(text) or _SPAN.fullmatch(text)) is not None:
        hours = 24 * int(match.groupdict().get("days") or 0) + int(match["hours"] or 0)
        minutes = 60 * hours + int(match["minutes"] or 0)
        return _seconds(60 * minutes + float(match["seconds"].replace(",", ".")), cell)
    return _in_utc(timestamp(cell), cell)


def _seconds(seconds: float | Decimal | np.number, cell: object) -> int | float:
    if not 0 <= seconds <= _MAX_YEARS:
        raise BadValue(f"{quoted(cell)} is no number of seconds from a beginning")
    rounded = round(float(seconds), 6)
    return int(rounded) if rounded.is_integer() else rounded


def _in_utc(stated: str | None, cell: object) -> str | None:
    if stated is None:
        return None
    try:
        return datetime.fromisoformat(stated).astimezone(UTC).isoformat()
    except OverflowError as fault:
        raise BadValue(f"{quoted(cell)} is no time that exists in UTC") from fault
