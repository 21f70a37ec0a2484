"""The frequencies of pandas' periods and indexes: inert descriptions, and their names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np

from pc_worker.reader.errors import unsafe
from pc_worker.reader.pickle.described import Call

Rule = Callable[[tuple[Any, ...]], Any]


def offset(name: str) -> Rule:
    """Return a rule for a frequency that is written with its step and what else it depends on, or by its state."""

    def rule(args: tuple[Any, ...]) -> Call:
        if args and (len(args) > 8 or type(args[0]) is not int or not all(map(_is_part, args))):
            raise unsafe(f"a frequency {name} is made in a way that no known writer uses")
        return Call("Offset", (name, *args))

    return rule


def _is_part(value: object) -> bool:
    """Return whether pandas writes such a value of a frequency: a number, a text, a time, a holiday, or some."""
    if isinstance(value, tuple):
        return all(map(_is_part, value))
    return isinstance(value, int | str | None | dt.date | dt.time | dt.timedelta | np.datetime64)


_MONTHS = ("", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_FREQUENCIES = {
    "Day": "D",
    "Hour": "h",
    "Minute": "min",
    "Second": "s",
    "Milli": "ms",
    "Micro": "us",
    "Nano": "ns",
    "MonthEnd": "M",
    "BusinessDay": "B",
    "Week": "W",
    "QuarterEnd": "Q",
    "YearEnd": "Y",
}
#: Frequencies that only an index of timestamps has, whose rows do not depend on it.
_OTHER_OFFSETS = (
    *("MonthBegin", "BusinessMonthEnd", "BusinessMonthBegin", "SemiMonthBegin", "SemiMonthEnd"),
    *("QuarterBegin", "BQuarterEnd", "BQuarterBegin", "YearBegin", "BYearEnd", "BYearBegin"),
    *("HalfYearEnd", "HalfYearBegin", "BHalfYearEnd", "BHalfYearBegin", "FY5253", "FY5253Quarter", "Easter"),
    *("WeekOfMonth", "LastWeekOfMonth", "BusinessHour", "CustomBusinessDay", "CustomBusinessHour"),
    *("CustomBusinessMonthEnd", "CustomBusinessMonthBegin", "DateOffset"),
)
OFFSETS = (*_FREQUENCIES, *_OTHER_OFFSETS)


#: What an offset's state may hold.
_OFFSET_STATE = frozenset({"n", "normalize", "_cache", "weekday", "month", "startingMonth", "_offset"})
_ANCHORS = ("weekday", "month", "startingMonth")


def _offset_args(offset: Call) -> tuple[Any, ...]:
    """Return what a later pandas would have called the offset's class with, behind its name: step, then its anchor.

    Raises:
        Rejected: If its state is none of a frequency.
    """
    if len(offset.args) > 1:
        return offset.args
    state = offset.state
    if not isinstance(state, dict) or not _OFFSET_STATE.issuperset(state) or type(state.get("n")) is not int:
        raise unsafe("a frequency has a state that no known writer gives it")
    if state.get("normalize") or state.get("_offset") not in (None, dt.timedelta(0)):
        raise unsafe("a frequency that shifts or rounds its timestamps is not supported")
    anchors = [state[name] for name in _ANCHORS if name in state]
    return (*offset.args, state["n"], False, *anchors)


def frequency_name(offset: Call) -> str:
    """Return pandas' name of the frequency that ``offset`` describes, such as ``2W-TUE``.

    Raises:
        Rejected: If periods have no such frequency.
    """
    name, step, *rest = _offset_args(offset)
    base = _FREQUENCIES.get(name)
    if base is None or not 0 < step < 2**31:
        raise unsafe(f"periods of frequency {step} {name} are not read")
    if name == "Week":
        base += f"-{_DAYS[_number(rest, 0, 6)]}" if len(rest) > 1 and rest[1] is not None else ""
    elif name in ("QuarterEnd", "YearEnd"):
        base += f"-{_MONTHS[_number(rest, 1, 12)]}"
    return base if step == 1 else f"{step}{base}"


def _number(rest: list[Any], low: int, high: int) -> int:
    if len(rest) < 2 or type(rest[1]) is not int or not low <= rest[1] <= high:
        raise unsafe("a frequency is anchored at no day or month")
    return rest[1]
