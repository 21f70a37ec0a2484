"""Names that pandas 1.5 to 3.x writes: frames, blocks, indexes, extension arrays, their types, and its scalars."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np

from pc_worker.reader.cells.values import NAT, Interval, Period, Timedelta, Timestamp, duration_value, timestamp_value
from pc_worker.reader.errors import unsafe
from pc_worker.reader.pickle.allow_list.frequencies import OFFSETS, frequency_name, offset
from pc_worker.reader.pickle.described import Call, Symbol, Zone

Key = tuple[str, str]
Rule = Callable[[tuple[Any, ...]], Any]
#: numpy's numbers for the units that pandas has (NPY_FR_s …).
UNITS = {7: "s", 8: "ms", 9: "us", 10: "ns"}
_CORE, _LIBS = "pandas.core", "pandas._libs"


def part(kind: str, *arities: int) -> Rule:
    """Return a rule that keeps the arguments for the shapes to judge, if there are as many as a writer passes."""

    def rule(args: tuple[Any, ...]) -> Call:
        if len(args) not in arities:
            raise unsafe(f"{kind} is called with {len(args)} arguments, which no known writer does")
        return Call(kind, args)

    return rule


def _new_index(args: tuple[Any, ...]) -> Call:
    """Describe ``_new_Index(class, {...})`` and its relatives."""
    match args:
        case (Symbol() as cls, dict() as fields) if (cls.module, cls.name) in INDEX_CLASSES:
            return Call(INDEX_CLASSES[(cls.module, cls.name)], (), fields)
    raise unsafe("_new_Index is called with arguments that no known writer gives it")


def backed(args: tuple[Any, ...]) -> Call:
    """Describe ``__pyx_unpickle_NDArrayBacked(class, checksum, None)``; the state follows with BUILD."""
    match args:
        case (Symbol() as cls, int(), None) if (cls.module, cls.name) in ARRAY_CLASSES:
            return Call(ARRAY_CLASSES[(cls.module, cls.name)], ())
    raise unsafe("an extension array is made in a way that no known writer uses")


def with_state(call: Call, state: object) -> Call:
    """Describe ``call`` once ``state`` is set on it; only once, and only on what has a state in pandas.

    Raises:
        Rejected: Otherwise.
    """
    if call.kind not in STATEFUL or call.state is not None or not isinstance(state, dict | tuple):
        raise unsafe(f"a state is set on a {call.kind} in a way that no known writer uses")
    call.state = state
    return call


def _zone(zone: object) -> Any:
    if isinstance(zone, Zone):
        return zone.tzinfo()
    if zone is None or type(zone).__name__ == "timezone":
        return zone
    raise unsafe("a timestamp has something else than a time zone")


def timestamp(args: tuple[Any, ...]) -> Any:
    """Describe ``(value, freq, zone[, unit])``; pandas before 2 always counts nanoseconds."""
    match args:
        case (int() as ticks, _, zone) if -(2**63) <= ticks < 2**63:
            return timestamp_value(ticks, "ns", _zone(zone))
        case (int() as ticks, _, zone, int() as unit) if unit in UNITS and -(2**63) <= ticks < 2**63:
            return timestamp_value(ticks, UNITS[unit], _zone(zone))
    raise unsafe("a Timestamp is made in a way that no known writer uses")


def _timedelta(args: tuple[Any, ...]) -> Any:
    match args:
        case (int() as ticks, int() as unit):
            return span_of(ticks, unit)
    raise unsafe("a Timedelta is made in a way that no known writer uses")


def span_of(ticks: int, unit: int) -> Any:
    """Return the span of this many ticks of a unit, by numpy's number for it.

    Raises:
        Rejected: If pandas has no such span.
    """
    if unit in UNITS and NAT <= ticks < 2**63:
        return duration_value(ticks, UNITS[unit])
    raise unsafe("a Timedelta is made in a way that no known writer uses")


def _nat(args: tuple[Any, ...]) -> None:
    if args not in ((None,), ()):
        raise unsafe("NaT is made in a way that no known writer uses")


def _period(args: tuple[Any, ...]) -> Period:
    match args:
        case (None, Call() as frequency, int() as ordinal) if frequency.kind == "Offset" and _is_tick(ordinal):
            return Period(ordinal, frequency_name(frequency))
    raise unsafe("a Period is made in a way that no known writer uses")


def _is_tick(number: object) -> bool:
    return type(number) is int and NAT <= number < 2**63


def is_interval(left: object, right: object, closed: object) -> bool:
    """Return whether these are the bounds of an interval and a side that it is closed on."""
    return closed in ("left", "right", "both", "neither") and all(
        isinstance(bound, int | float | np.generic | dt.date | dt.timedelta | Timestamp | Timedelta | None)
        for bound in (left, right)
    )


def _interval(args: tuple[Any, ...]) -> Interval:
    match args:
        case (left, right, str() as closed) if is_interval(left, right, closed):
            return Interval(left, right, closed)
    raise unsafe("an Interval is made in a way that no known writer uses")


def _named(kinds: dict[str, tuple[str, ...]]) -> dict[Key, str]:
    """Describe ``{class: modules}`` spread out to ``{(module, class): class}``."""
    return {(module, name): name for name, modules in kinds.items() for module in modules}


_NUMBERS = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
_DTYPES = f"{_CORE}.dtypes.dtypes"
DTYPE_CLASSES = _named(
    {
        "DatetimeTZDtype": (_DTYPES, "pandas"),
        "CategoricalDtype": (_DTYPES, "pandas"),
        "PeriodDtype": (_DTYPES, "pandas"),
        "IntervalDtype": (_DTYPES, "pandas"),
        "ArrowDtype": (_DTYPES, f"{_CORE}.arrays.arrow.dtype", "pandas"),
        "StringDtype": (f"{_CORE}.arrays.string_", "pandas"),
        "BooleanDtype": (f"{_CORE}.arrays.boolean", "pandas"),
        "SparseDtype": (_DTYPES, f"{_CORE}.arrays.sparse.dtype", "pandas"),
        **{f"{name}Dtype": (f"{_CORE}.arrays.integer", "pandas") for name in _NUMBERS},
        **{f"{name}Dtype": (f"{_CORE}.arrays.floating", "pandas") for name in ("Float32", "Float64")},
    }
)
ARRAY_CLASSES = _named(
    {
        "DatetimeArray": (f"{_CORE}.arrays.datetimes", "pandas.arrays"),
        "TimedeltaArray": (f"{_CORE}.arrays.timedeltas", "pandas.arrays"),
        "PeriodArray": (f"{_CORE}.arrays.period", "pandas.arrays"),
        "Categorical": (f"{_CORE}.arrays.categorical", "pandas", "pandas.arrays"),
        "IntegerArray": (f"{_CORE}.arrays.integer", "pandas.arrays"),
        "FloatingArray": (f"{_CORE}.arrays.floating", "pandas.arrays"),
        "BooleanArray": (f"{_CORE}.arrays.boolean", "pandas.arrays"),
        "StringArray": (f"{_CORE}.arrays.string_", "pandas.arrays"),
        "StringArrayNumpySemantics": (f"{_CORE}.arrays.string_",),
        "NumpyExtensionArray": (f"{_CORE}.arrays.numpy_", "pandas.arrays"),
        "PandasArray": (f"{_CORE}.arrays.numpy_", "pandas.arrays"),
        "IntervalArray": (f"{_CORE}.arrays.interval", "pandas.arrays"),
        "ArrowStringArray": (f"{_CORE}.arrays.string_arrow", "pandas.arrays"),
        "ArrowStringArrayNumpySemantics": (f"{_CORE}.arrays.string_arrow",),
        "ArrowExtensionArray": (f"{_CORE}.arrays.arrow.array", "pandas.arrays"),
        "SparseArray": (f"{_CORE}.arrays.sparse.array", "pandas.arrays"),
    }
)
INDEX_CLASSES = _named(
    {
        "Index": (f"{_CORE}.indexes.base", "pandas"),
        "RangeIndex": (f"{_CORE}.indexes.range", "pandas"),
        "DatetimeIndex": (f"{_CORE}.indexes.datetimes", "pandas"),
        "TimedeltaIndex": (f"{_CORE}.indexes.timedeltas", "pandas"),
        "PeriodIndex": (f"{_CORE}.indexes.period", "pandas"),
        "IntervalIndex": (f"{_CORE}.indexes.interval", "pandas"),
        "CategoricalIndex": (f"{_CORE}.indexes.category", "pandas"),
        "MultiIndex": (f"{_CORE}.indexes.multi", "pandas"),
        **{name: (f"{_CORE}.indexes.numeric", "pandas") for name in ("Int64Index", "UInt64Index", "Float64Index")},
    }
)
FRAME_CLASSES = _named(
    {
        "DataFrame": (f"{_CORE}.frame", "pandas"),
        "Series": (f"{_CORE}.series", "pandas"),
        "SingleBlockManager": (f"{_CORE}.internals.managers", f"{_CORE}.internals"),
    }
)
STATEFUL = frozenset(
    {
        *ARRAY_CLASSES.values(),
        *DTYPE_CLASSES.values(),
        *FRAME_CLASSES.values(),
        *("Offset", "IntIndex", "BlockManager", "BlockMaker"),
    }
)

CALLS: dict[Key, Rule] = {
    **{
        (module, "BlockManager"): part("BlockManager", 2)
        for module in (f"{_CORE}.internals.managers", f"{_CORE}.internals")
    },
    (f"{_CORE}.internals.managers", "SingleBlockManager"): part("SingleBlockManager", 2),
    (f"{_LIBS}.internals", "_unpickle_block"): part("Block", 3),
    (f"{_CORE}.internals.blocks", "new_block"): part("Block", 3),
    (f"{_CORE}.indexes.base", "_new_Index"): _new_index,
    (f"{_CORE}.indexes.datetimes", "_new_DatetimeIndex"): _new_index,
    (f"{_CORE}.indexes.timedeltas", "_new_TimedeltaIndex"): _new_index,
    (f"{_CORE}.indexes.period", "_new_PeriodIndex"): _new_index,
    (f"{_CORE}.indexes.interval", "_new_IntervalIndex"): _new_index,
    (f"{_CORE}.indexes.frozen", "FrozenList"): lambda args: args[0],
    (f"{_LIBS}.arrays", "__pyx_unpickle_NDArrayBacked"): backed,
    (f"{_LIBS}.interval", "__pyx_unpickle_IntervalMixin"): backed,
    **{key: part(kind, 1, 2) for key, kind in DTYPE_CLASSES.items()},
    (f"{_LIBS}.tslibs.timestamps", "_unpickle_timestamp"): timestamp,
    (f"{_LIBS}.tslibs.timedeltas", "_timedelta_unpickle"): _timedelta,
    (f"{_LIBS}.tslibs.nattype", "_nat_unpickle"): _nat,
    (f"{_LIBS}.tslibs.nattype", "__nat_unpickle"): _nat,
    (f"{_LIBS}.tslibs.period", "Period"): _period,
    ("pandas", "Period"): _period,
    (f"{_LIBS}.interval", "Interval"): _interval,
    ("pandas", "Interval"): _interval,
    (f"{_LIBS}.sparse", "IntIndex"): part("IntIndex", 2),
    (f"{_LIBS}.sparse", "BlockIndex"): part("BlockIndex", 3),
    **{(f"{_LIBS}.tslibs.offsets", name): offset(name) for name in OFFSETS},
    ("pandas", "DateOffset"): offset("DateOffset"),
}
CLASSES: dict[Key, Rule] = {
    key: part(kind, 0) for table in (DTYPE_CLASSES, ARRAY_CLASSES, FRAME_CLASSES) for key, kind in table.items()
}
ARGUMENTS = frozenset({*INDEX_CLASSES, *ARRAY_CLASSES})
CONSTANTS: dict[Key, Any] = {(f"{_LIBS}.missing", "NA"): None, ("pandas", "NA"): None, ("pandas", "NaT"): None}
