"""Extension arrays that are one numpy array and a type: what is inside, and how the type changes its column."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from pc_worker.reader.errors import broken
from pc_worker.reader.pickle.allow_list.frequencies import frequency_name
from pc_worker.reader.pickle.described import Array, Call, Zone
from pc_worker.reader.pickle.shapes.columns import Numbers, Reader
from pc_worker.reader.pickle.shapes.derived import Moments, Periods


def backing_of(value: Call) -> tuple[Any, Array] | None:
    """Return the type and the numpy array of an extension array that is backed by one."""
    if value.kind not in WRAPPERS or not isinstance(value.state, tuple) or len(value.state) == 1:
        return None
    match value.state:
        case (Array() as array, dtype, *_) | (dtype, Array() as array, *_):
            return dtype, array
    raise broken(f"a {value.kind} has a state that no known writer gives it")


def _moments(dtype: Any, numbers: Reader) -> Reader:
    zone = dtype.state.get("tz") if isinstance(dtype, Call) and isinstance(dtype.state, dict) else None
    if isinstance(dtype, Call) and dtype.args:
        zone = dtype.args[-1]
    if not isinstance(numbers, Numbers):
        raise broken("timestamps are not stored as numbers")
    return Moments(numbers, zone_of(zone)) if zone is not None else numbers


def zone_of(zone: Any) -> dt.tzinfo | None:
    """Return the time zone that ``zone`` describes."""
    match zone:
        case None:
            return None
        case Zone():
            return zone.tzinfo()
        case dt.timezone():
            return zone
    raise broken("a column's time zone is not one")


def _plain(dtype: Any, numbers: Reader) -> Reader:
    return numbers


def _periods(dtype: Any, numbers: Reader) -> Reader:
    offset = dtype.args[0] if isinstance(dtype, Call) and dtype.args else None
    if isinstance(dtype, Call) and isinstance(dtype.state, dict):
        offset = dtype.state.get("_freq") or dtype.state.get("freq")
    if isinstance(offset, str) and (named := _PERIOD.fullmatch(offset)):
        return Periods(numbers, named[1])
    if not isinstance(offset, Call) or offset.kind != "Offset":
        raise broken("a column of periods has no frequency")
    return Periods(numbers, frequency_name(offset))


#: How pandas since 2.2 writes a period's type.
_PERIOD = re.compile(r"period\[(\d{0,6}[A-Za-z]{1,4}(?:-[A-Z]{3})?)\]")


#: Extension arrays that are one numpy array and a type.
WRAPPERS: dict[str, Callable[[Any, Reader], Reader]] = {
    "DatetimeArray": _moments,
    "TimedeltaArray": _plain,
    "PeriodArray": _periods,
    "StringArray": _plain,
    "StringArrayNumpySemantics": _plain,
    "NumpyExtensionArray": _plain,
    "PandasArray": _plain,
}


def fields_of(value: Call) -> dict[Any, Any]:
    """Return the named fields of an object's state.

    Raises:
        Rejected: If it has none.
    """
    state = value.state
    if isinstance(state, tuple) and len(state) == 1:
        state = state[0]
    if not isinstance(state, dict):
        raise broken(f"a {value.kind} has a state that no known writer gives it")
    return state
