"""Names that pandas 0.25 to 1.4 wrote and later versions do not: the same things in older words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pc_worker.reader.errors import Rejected, not_a_table, unsafe
from pc_worker.reader.pickle.allow_list import pandas_names
from pc_worker.reader.pickle.allow_list.frequencies import OFFSETS
from pc_worker.reader.pickle.described import Call, Symbol

Key = tuple[str, str]
Rule = Callable[[tuple[Any, ...]], Any]
_CORE, _LIBS = "pandas.core", "pandas._libs"
_OFFSETS = "pandas.tseries.offsets"
_NEW_BLOCK = Symbol(f"{_CORE}.internals.blocks", "new_block")


def _timedelta(args: tuple[Any, ...]) -> Any:
    """Describe ``Timedelta(nanoseconds)``."""
    match args:
        case (int() as ticks,):
            return pandas_names.span_of(ticks, 10)
    raise unsafe("a Timedelta is made in a way that no known writer uses")


def _block_maker(args: tuple[Any, ...]) -> Call:
    """Describe ``partial(new_block)`` of pandas 1.3, which makes a block; its ``ndim`` follows with BUILD."""
    if args != (_NEW_BLOCK,):
        raise unsafe("functools.partial is called for something else than a block of a table")
    return Call("BlockMaker", ())


def block_made(maker: Call, args: object) -> Call:
    """Return the block that a ``BlockMaker`` is called for, with values and places.

    Raises:
        Rejected: If it is no finished one, or is called with anything else.
    """
    match maker, args:
        case Call(kind="BlockMaker", state=(_, (), {"ndim": 1 | 2 as ndim}, None)), (values, places):
            if maker.state[0] == _NEW_BLOCK and len(maker.state[2]) == 1:
                return Call("Block", (values, places, ndim))
    raise unsafe("something else than an allow-listed name is called")


def _blank_offset(name: str) -> Rule:
    def rule(args: tuple[Any, ...]) -> Call:
        if args:
            raise unsafe(f"a frequency {name} is made in a way that no known writer uses")
        return Call("Offset", (name,))

    return rule


CALLS: dict[Key, Rule] = {
    ("functools", "partial"): _block_maker,
    (f"{_LIBS}.tslibs.timestamps", "Timestamp"): pandas_names.timestamp,
    (f"{_LIBS}.tslibs.timedeltas", "Timedelta"): _timedelta,
    (f"{_LIBS}.tslibs.period", "__pyx_unpickle_PeriodMixin"): pandas_names.backed,
}
CLASSES: dict[Key, Rule] = {
    (f"{_CORE}.internals.managers", "BlockManager"): pandas_names.part("BlockManager", 0),
    (f"{_CORE}.internals", "BlockManager"): pandas_names.part("BlockManager", 0),
    (f"{_CORE}.arrays.sparse", "SparseArray"): pandas_names.part("SparseArray", 0),
    (f"{_CORE}.arrays.sparse", "SparseDtype"): pandas_names.part("SparseDtype", 0),
    **{(_OFFSETS, name): _blank_offset(name) for name in OFFSETS},
    **{(f"{_LIBS}.tslibs.offsets", name): _blank_offset(name) for name in OFFSETS},
    ("dateutil.relativedelta", "relativedelta"): _blank_offset("relativedelta"),
    ("dateutil._common", "weekday"): _blank_offset("weekday"),
}
ARGUMENTS: frozenset[Key] = frozenset(
    {(_NEW_BLOCK.module, _NEW_BLOCK.name), (f"{_CORE}.indexes.frozen", "FrozenNDArray")}
)
CONSTANTS: dict[Key, Any] = {}

#: Names of pandas before 0.25, whose files are not read, by module.
_TOO_OLD: dict[str, tuple[str, ...]] = {
    "pandas._period": ("Period",),
    "pandas._sparse": ("BlockIndex", "IntIndex"),
    "pandas.core.base": ("FrozenList", "FrozenNDArray"),
    "pandas.core.categorical": ("Categorical",),
    "pandas.core.daterange": ("DateRange",),
    "pandas.core.index": (
        *("_new_Index", "Index", "Int64Index", "Float64Index", "UInt64Index", "RangeIndex", "MultiIndex"),
        *("CategoricalIndex", "DatetimeIndex", "PeriodIndex", "TimedeltaIndex", "FrozenList"),
    ),
    "pandas.core.internals": (
        *("BoolBlock", "ComplexBlock", "DatetimeBlock", "FloatBlock", "IntBlock", "ObjectBlock", "TimeDeltaBlock"),
        *("CategoricalBlock", "DatetimeTZBlock", "SparseBlock"),
    ),
    "pandas.core.matrix": ("DataMatrix",),
    "pandas.core.panel": ("Panel", "WidePanel", "LongPanel"),
    "pandas.core.panel4d": ("Panel4D",),
    "pandas.core.series": ("TimeSeries",),
    "pandas.core.sparse.array": ("SparseArray",),
    "pandas.core.sparse.frame": ("SparseDataFrame",),
    "pandas.core.sparse.series": ("SparseSeries",),
    "pandas.indexes.base": ("_new_Index", "Index"),
    "pandas.indexes.category": ("CategoricalIndex",),
    "pandas.indexes.multi": ("MultiIndex",),
    "pandas.indexes.numeric": ("Int64Index", "Float64Index", "UInt64Index"),
    "pandas.indexes.range": ("RangeIndex",),
    "pandas.sparse.array": ("SparseArray",),
    "pandas.sparse.frame": ("SparseDataFrame",),
    "pandas.sparse.series": ("SparseSeries", "SparseTimeSeries"),
    "pandas.tseries.index": ("_new_DatetimeIndex", "DatetimeIndex"),
    "pandas.tseries.period": ("_new_PeriodIndex", "PeriodIndex"),
    "pandas.tseries.tdi": ("TimedeltaIndex", "_new_TimedeltaIndex"),
    "pandas.tslib": ("Timestamp", "Timedelta", "NaTType", "__nat_unpickle", "_nat_unpickle"),
    "pandas.types.dtypes": ("CategoricalDtype", "DatetimeTZDtype", "PeriodDtype", "IntervalDtype"),
}


def too_old(module: str, name: str) -> Rejected | None:
    """Return the error for a name that pandas before 0.25 wrote: harmless, but not read."""
    if name not in _TOO_OLD.get(module, ()):
        return None
    return not_a_table(
        f"the file was written by pandas before 0.25 (it names {module}.{name}); load and save it with pandas ≥ 1.5"
    )
