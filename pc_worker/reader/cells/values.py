"""Inert values that are for what plain Python cannot hold: nanoseconds, far years, intervals, periods."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Final, final

#: Ticks of one second, by numpy's unit.
TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
NAT = -(2**63)
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - the arithmetic is on wall-clock values without a zone
_SECONDS_PER_DAY = 86_400
#: The Gregorian calendar repeats after 400 years of this many days.
_CYCLE_DAYS, _CYCLE_YEARS = 146_097, 400
_FIRST_DAY, _LAST_DAY = (day.toordinal() - 719_163 for day in (dt.date.min, dt.date.max))


class _Missing(enum.Enum):
    """The type of ``MISSING``."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


#: A cell that a row of a list of dicts does not have: unlike None, the row lacks the key.
MISSING: Final = _Missing.MISSING


@final
@dataclass(frozen=True, slots=True)
class Timestamp:
    """A timestamp that ``datetime`` cannot hold: ``ticks`` of ``unit`` since 1970 in UTC, shown in ``zone``."""

    ticks: int
    unit: str
    zone: dt.tzinfo | None = None

    def isoformat(self) -> str:
        """Return the text that ``pandas.Timestamp.isoformat`` returns."""
        seconds, ticks = divmod(self.ticks, TICKS[self.unit])
        nanoseconds = ticks * (TICKS["ns"] // TICKS[self.unit])
        days, second = divmod(seconds, _SECONDS_PER_DAY)
        cycles, day = _within_calendar(days)
        base = _EPOCH + dt.timedelta(days=day, seconds=second)
        offset = ""
        if self.zone is not None:
            base = base.replace(tzinfo=dt.UTC).astimezone(self.zone)
            offset = base.isoformat()[19:]
        year = base.year + cycles * _CYCLE_YEARS
        return f"{year:04d}{base.isoformat()[4:19]}{_fraction(nanoseconds)}{offset}"


def _within_calendar(days: int) -> tuple[int, int]:
    """Return days since 1970 as cycles and a day that ``datetime`` holds, in the same era of zones if possible."""
    if _FIRST_DAY < days < _LAST_DAY:
        return 0, days
    start = 0 if days > 0 else _FIRST_DAY + _CYCLE_DAYS  # zones had no rules yet in the years 401 to 800
    cycles, day = divmod(days - start, _CYCLE_DAYS)
    return cycles, start + day


def _fraction(nanoseconds: int) -> str:
    if nanoseconds == 0:
        return ""
    micros, rest = divmod(nanoseconds, 1000)
    return f".{nanoseconds:09d}" if rest else f".{micros:06d}"


@final
@dataclass(frozen=True, slots=True)
class Timedelta:
    """A span of time that ``timedelta`` cannot hold: ``ticks`` of ``unit``."""

    ticks: int
    unit: str

    def isoformat(self) -> str:
        """Return the text that ``pandas.Timedelta.isoformat`` returns."""
        seconds, ticks = divmod(self.ticks, TICKS[self.unit])
        return span_text(seconds, ticks * (TICKS["ns"] // TICKS[self.unit]))


def span_text(seconds: int, nanoseconds: int) -> str:
    """Return the ISO 8601 text of a duration, in pandas' form: whole days (may be negative), then hours to seconds."""
    days, second = divmod(seconds, _SECONDS_PER_DAY)
    hours, second = divmod(second, 3600)
    minutes, second = divmod(second, 60)
    fraction = f".{nanoseconds:09d}".rstrip("0").rstrip(".")
    return f"P{days}DT{hours}H{minutes}M{second}{fraction}S"


@final
@dataclass(frozen=True, slots=True)
class Interval:
    """A pandas interval; ``closed`` is left, right, both or neither."""

    left: object
    right: object
    closed: str

    def __str__(self) -> str:
        """Return the text that ``str(pandas.Interval)`` returns."""
        opening = "[" if self.closed in ("left", "both") else "("
        closing = "]" if self.closed in ("right", "both") else ")"
        return f"{opening}{words(self.left)}, {words(self.right)}{closing}"


def words(value: object) -> str:
    """Return what ``str`` returns for the value that pandas would hold."""
    if isinstance(value, dt.datetime | Timestamp):
        return value.isoformat().replace("T", " ", 1)
    if isinstance(value, Timedelta):
        return _span_words(value)
    if isinstance(value, dt.timedelta):
        return _span_words(Timedelta(value // dt.timedelta(microseconds=1), "us"))
    if isinstance(value, tuple):
        inner = ", ".join(map(_inside_tuple, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return str(value)


def _inside_tuple(value: object) -> str:
    """Return what ``repr`` returns for the value that pandas would hold, as in a label of several levels."""
    if isinstance(value, dt.datetime):
        return _timestamp_code(words(value), value.tzinfo)
    if isinstance(value, Timestamp):
        return _timestamp_code(words(value), value.zone)
    if isinstance(value, dt.timedelta | Timedelta):
        return f"Timedelta('{words(value)}')"
    if isinstance(value, Interval):
        return f"Interval({words(value.left)}, {words(value.right)}, closed='{value.closed}')"
    if isinstance(value, Period):
        return f"Period('{value}', '{value.frequency}')"
    return words(value) if isinstance(value, tuple) else repr(value)


def _timestamp_code(text: str, zone: dt.tzinfo | None) -> str:
    """Return ``repr`` of a timestamp with the words ``text``, whose offset has no colons there."""
    if zone is None:
        return f"Timestamp('{text}')"
    offset = max(text.rfind("+"), text.rfind("-"))
    return f"Timestamp('{text[:offset]}{text[offset:].replace(':', '')}', tz='{zone}')"


def _span_words(span: Timedelta) -> str:
    """Return a span as ``str(pandas.Timedelta)`` writes it: ``1 days 02:03:04.000000005``."""
    seconds, ticks = divmod(span.ticks, TICKS[span.unit])
    days, second = divmod(seconds, _SECONDS_PER_DAY)
    fraction = _fraction(ticks * (TICKS["ns"] // TICKS[span.unit]))
    sign = "+" if days < 0 else ""
    return f"{days} days {sign}{second // 3600:02d}:{second % 3600 // 60:02d}:{second % 60:02d}{fraction}"


@final
@dataclass(frozen=True, slots=True)
class Period:
    """A pandas period: ``ordinal`` counts periods of ``frequency`` (pandas' name) since 1970."""

    ordinal: int
    frequency: str

    def __str__(self) -> str:
        """Return the text that ``str(pandas.Period)`` returns."""
        import pandas as pd  # only files with periods need pandas' calendar

        return str(pd.Period(ordinal=self.ordinal, freq=self.frequency))


def timestamp_value(ticks: int, unit: str, zone: dt.tzinfo | None) -> dt.datetime | Timestamp | None:
    """Return the timestamp ``ticks`` of ``unit`` after 1970 UTC in ``zone``: a ``datetime`` if exact, None for NaT."""
    if ticks == NAT:
        return None
    micros, rest = divmod(ticks * (TICKS["ns"] // TICKS[unit]), 1000)
    if rest:
        return Timestamp(ticks, unit, zone)
    try:
        naive = _EPOCH + dt.timedelta(microseconds=micros)
        return naive if zone is None else naive.replace(tzinfo=dt.UTC).astimezone(zone)
    except OverflowError:
        return Timestamp(ticks, unit, zone)


def duration_value(ticks: int, unit: str) -> dt.timedelta | Timedelta | None:
    """Return the span of ``ticks`` of ``unit``: a ``timedelta`` where that is exact, None for NaT."""
    if ticks == NAT:
        return None
    micros, rest = divmod(ticks * (TICKS["ns"] // TICKS[unit]), 1000)
    if rest:
        return Timedelta(ticks, unit)
    try:
        return dt.timedelta(microseconds=micros)
    except OverflowError:
        return Timedelta(ticks, unit)
