"""Frames, indexes and arrays whose parts are allowed one by one and do not fit together, or stand for too much."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from tests.hostile.assembler import (
    B1,
    BLOCK,
    DTYPE,
    F4,
    FRAME,
    FROMBUFFER,
    I1,
    I8,
    NEW_INDEX,
    SLICE,
    Call,
    Name,
    Raw,
    array,
    assemble,
    frame,
    in_a_row,
    index,
    manager_frame,
    objects,
    pickled,
    range_index,
)  # fmt: skip

Case = tuple[str, bytes]
THREE = array(I8, (3,), bytes(24))
BLOCK_OF_3 = array(I8, (1, 3), bytes(24))
INDEX_3 = index(THREE)


def dtype(code: str) -> Call:
    """Return a numpy type."""
    return DTYPE(code, False, True)


def made(kind: str, **state: Any) -> Call:
    """Return an extension array with this state."""
    return Call(Name("pandas.arrays", kind), (), state, new=True)


def cases() -> Iterator[Case]:
    """Yield all of them by name."""
    plain = (arrays, structures, categories, blocks, calls)
    for family in (*plain, extensions, zones, periods, sparse, sparse_stretches, indexes):
        yield from family()


def arrays() -> Iterator[Case]:
    """Yield elements without bytes, and numbers that are not characters."""
    yield "array-empty-and-endless", in_a_row(array(F4, (2**61, 0), b""))
    yield "array-empty-column-endless", pickled({"a": array(F4, (3, 2**60, 0), b"")})
    yield "array-billion-empty-rows", pickled({"a": array(F4, (10**9, 0), b"")})
    for code in ("S0", "U0", "V0"):
        yield f"array-elements-of-no-bytes-{code}", in_a_row(array(dtype(code), (2**40,), b""))
        yield f"column-elements-of-no-bytes-{code}", pickled(frame(array(dtype(code), (1, 3), b"")))
    yield "array-no-characters", in_a_row(array(dtype("U1"), (2,), b"\xff\xff\xff\x7f\x00\xd8\x00\x00"))
    yield "column-no-characters", pickled(frame(array(dtype("U1"), (1, 3), b"\xff\xff\xff\x7f" * 3)))
    yield "array-axes-of-text", pickled(frame(FROMBUFFER(bytes(24), I8, (1, 3), "K", "ab")))
    yield "array-axes-beyond", pickled(frame(FROMBUFFER(bytes(24), I8, (1, 3), "K", (5, 6))))
    yield "array-shape-of-booleans", in_a_row(FROMBUFFER(bytes(8), I8, (True,), "C"))
    yield "array-33-dimensions", in_a_row(array(I8, (1,) * 33, bytes(8)))
    yield "array-of-frames", pickled(frame(objects([FRAME, 1, 2], (1, 3))))


def structures() -> Iterator[Case]:
    """Yield structured types whose fields lie outside them or are not fields."""
    for name, names, fields, size in (
        ("negative-offset", ("a",), {"a": (I8, -5)}, 8),
        ("field-beyond", ("a",), {"a": (I8, 2**40)}, 8),
        ("numbers-as-names", (1, 2), {1: (I8, 0), 2: (I8, 0)}, 8),
        ("size-beyond", ("a",), {"a": (I8, 0)}, 2**70),
        ("same-name-twice", ("a", "a"), {"a": (I8, 0)}, 8),
        ("no-field", ("a",), {}, 8),
        ("object-inside", ("a",), {"a": (dtype("O8"), 0)}, 8),
    ):
        structured = Call(DTYPE, ("V8", False, True), (3, "|", None, names, fields, size, 1, 0))
        yield f"structure-{name}", in_a_row(array(structured, (1,), bytes(8)))
    for name, metadata in (("unit", b"xx"), ("step", 0), ("shape", 5)):
        unit: Any = {"unit": ({}, (metadata, 1, 1, 1)), "step": ({}, (b"s", metadata, 1, 1)), "shape": metadata}[name]
        moments = Call(DTYPE, ("M8", False, True), (4, "<", None, None, None, -1, -1, 0, unit))
        yield f"moment-{name}", in_a_row(array(moments, (1,), bytes(8)))


def categorical(codes: Any, categories: Any) -> Call:
    """Return a categorical."""
    kind = Call(Name("pandas", "CategoricalDtype"), (), {"categories": categories, "ordered": False}, new=True)
    return made("Categorical", _dtype=kind, _codes=codes)


def categories() -> Iterator[Case]:
    """Yield codes and categories."""
    codes, letters = array(I1, (3,), b"\0\1\0"), index(objects(["a", "b"]))
    for name, values in (
        ("range-without-end", range_index(2**60)),
        ("range-of-billions", range_index(2 * 10**9)),
        ("range-of-text", range_index("x")),
        ("range-of-floats", range_index(2.0)),
        ("missing", None),
        ("a-frame", FRAME),
        ("none-for-the-codes", index(objects(["a"]))),
    ):
        yield f"categories-{name}", pickled(frame(categorical(codes, values)))
    yield "codes-too-large", pickled(frame(categorical(array(I1, (3,), b"\0\2\0"), letters)))
    yield "codes-too-small", pickled(frame(categorical(array(I1, (3,), b"\0\xf1\0"), letters)))
    yield "codes-floats", pickled(frame(categorical(array(F4, (3,), bytes(12)), letters)))
    yield "codes-too-few", pickled(frame(categorical(array(I1, (2,), b"\0\0"), letters)))
    many = index(objects([f"c{number}" for number in range(100_000)]))
    first = BLOCK(categorical(codes, Raw(assemble(many) + b"\x94")), SLICE(0, 1, 1), 1)
    rest = [BLOCK(categorical(codes, Raw(b"h\x00")), SLICE(k, k + 1, 1), 1) for k in range(1, 500)]
    labels = index(objects([f"k{number}" for number in range(500)]))
    yield "categories-shared-by-many-columns", pickled(manager_frame((first, *rest), [labels, range_index(3)]))


def extensions() -> Iterator[Case]:
    """Yield masked numbers and intervals whose halves differ."""
    for name, mask in (("short", array(B1, (2,), b"\0\1")), ("missing", None), ("a-number", 5)):
        yield f"mask-{name}", pickled(frame(made("IntegerArray", _data=THREE, _mask=mask)))
    closed = Call(Name("pandas", "IntervalDtype"), ("int64", "right"))
    two = index(array(I8, (2,), bytes(16)))
    yield "interval-bounds-short", pickled(frame(made("IntervalArray", _left=INDEX_3, _right=two, _dtype=closed)))
    yield "interval-no-bounds", pickled(frame(made("IntervalArray", _left=None, _right=None, _dtype=closed)))
    wrong = Call(Name("pandas", "IntervalDtype"), ("int64", ["x"] * 3))
    yield "interval-closed-by-list", pickled(frame(made("IntervalArray", _left=INDEX_3, _right=INDEX_3, _dtype=wrong)))
    yield "extension-without-state", pickled(frame(Call(Name("pandas.arrays", "IntegerArray"), (), None, new=True)))


def zones() -> Iterator[Case]:
    """Time zones that are other files, or no zones at all."""
    pytz, offset = Name("pytz", "_p"), Name("dateutil.tz.tz", "tzoffset")
    for name, zone in (
        ("leap-seconds", pytz("leapseconds")),
        ("a-folder", pytz("Europe")),
        ("long", pytz("A" * 300)),
        ("upwards", pytz("../../../etc/passwd")),
        ("absolute", pytz("/etc/passwd")),
        ("a-number", 5),
        ("far-offset", Name("pytz", "FixedOffset")(10**30)),
        ("far-delta", offset(None, Name("datetime", "timedelta")(999_999_999, 0, 0))),
        ("unmade", Call(offset, (), None, new=True)),
        ("half-made", Call(offset, (), {"_name": None, "_offset": 5}, new=True)),
    ):
        kind = Call(Name("pandas", "DatetimeTZDtype"), ("ns", zone))
        unit: Any = (4, "<", None, None, None, -1, -1, 0, ({}, (b"ns", 1, 1, 1)))
        moments = array(Call(DTYPE, ("M8", False, True), unit), (1, 3), bytes(24))
        backed = Name("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked")
        made_by = (Name("pandas.arrays", "DatetimeArray"), 1, None)
        yield f"zone-{name}", pickled(frame(Call(backed, made_by, (kind, moments, {}))))
    cell = Name("datetime", "datetime")
    yield "zone-of-a-cell-upwards", in_a_row(cell(b"\x07\xe5\1\1\0\0\0\0\0\0", pytz("../../etc/passwd")))
    yield "zone-of-a-cell-unmade", in_a_row(cell(b"\x07\xe5\1\1\0\0\0\0\0\0", Name("datetime", "tzinfo")()))
    unpickle = Name("builtins", "getattr")(Name("zoneinfo", "ZoneInfo"), "_unpickle")
    zone = Call(unpickle, ("../../../../etc/passwd", 1))
    yield "zone-info-upwards", in_a_row(cell(b"\x07\xe5\1\1\0\0\0\0\0\0", zone))
    yield "zone-as-cell", in_a_row(pytz("UTC"))


def periods() -> Iterator[Case]:
    """Yield frequencies on which pandas itself would fail later."""
    offsets, backed = "pandas._libs.tslibs.offsets", Name("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked")
    for name, offset, *arguments in (
        ("step-zero", "Day", 0),
        ("step-negative", "Day", -5),
        ("step-endless", "Day", 2**70),
        ("week-of-text", "Week", 1, False, "%s%s"),
        ("week-beyond", "Week", 1, False, 9),
        ("quarter-of-text", "QuarterEnd", 1, False, "abc"),
        ("quarter-of-month-0", "QuarterEnd", 1, False, 0),
        ("quarter-negative", "QuarterEnd", 1, False, -7),
        ("business-hours", "BusinessHour", 1),
    ):
        kind = Call(Name("pandas", "PeriodDtype"), (Name(offsets, offset)(*arguments),))
        made_by = (Name("pandas.arrays", "PeriodArray"), 1, None)
        yield f"period-{name}", pickled(frame(Call(backed, made_by, (kind, THREE, {}))))
    yield "period-far", in_a_row(Name("pandas", "Period")(None, Name(offsets, "Day")(1), 2**200))


def sparse() -> Iterator[Case]:
    """Yield sparse columns with invalid indexes."""
    one, places = array(I8, (1,), bytes(8)), dtype("i4")
    first = array(places, (1,), b"\1\0\0\0")
    for name, where, values, length, fill in (
        ("values-short", array(places, (2,), b"\1\0\0\0\2\0\0\0"), one, 3, 0),
        ("length-text", first, one, "3", 0),
        ("length-float", first, one, 3.0, 0),
        ("fill-class", first, one, 3, FRAME),
        ("fill-list", first, one, 3, [1]),
        ("places-floats", array(F4, (1,), bytes(4)), one, 3, 0),
        ("places-texts", objects(["a"]), one, 3, 0),
        ("places-beyond", array(places, (1,), b"\x09\0\0\0"), one, 3, 0),
        ("places-negative", array(places, (1,), b"\xff\xff\xff\xff"), one, 3, 0),
    ):
        spread = Name("pandas._libs.sparse", "IntIndex")(length, where)
        kind = Call(Name("pandas", "SparseDtype"), (), {"_fill_value": fill}, new=True)
        column = made("SparseArray", _sparse_index=spread, _sparse_values=values, _dtype=kind)
        yield f"sparse-{name}", pickled(frame(column))
    spread = Name("pandas._libs.sparse", "IntIndex")(2 * 10**9, first)
    kind = Call(Name("pandas", "SparseDtype"), (), {"_fill_value": 0}, new=True)
    column = made("SparseArray", _sparse_index=spread, _sparse_values=one, _dtype=kind)
    yield "sparse-billions-of-rows", pickled(frame(column, rows=range_index(2 * 10**9)))


def sparse_stretches() -> Iterator[Case]:
    """Yield sparse columns with invalid blocks."""
    two, places = array(I8, (2,), bytes(16)), dtype("i4")
    zero, one, huge = (array(places, (1,), raw) for raw in (bytes(4), b"\1\0\0\0", b"\xff\xff\xff\x7f"))
    for name, firsts, lengths in (
        ("too-short", zero, one),
        ("huge", zero, huge),
        ("empty", zero, zero),
        ("floats", zero, array(F4, (1,), bytes(4))),
        ("one-length-for-two", array(places, (2,), bytes(8)), one),
        ("on-one-another", array(places, (2,), bytes(8)), array(places, (2,), b"\1\0\0\0\1\0\0\0")),
    ):
        spread = Name("pandas._libs.sparse", "BlockIndex")(3, firsts, lengths)
        kind = Call(Name("pandas", "SparseDtype"), (), {"_fill_value": 0}, new=True)
        column = made("SparseArray", _sparse_index=spread, _sparse_values=two, _dtype=kind)
        yield f"sparse-stretches-{name}", pickled(frame(column))


def multi(*levels: tuple[Any, Any]) -> Call:
    """Return a MultiIndex of (labels, codes)."""
    state = {"levels": [level for level, _ in levels], "codes": [codes for _, codes in levels], "sortorder": None}
    return NEW_INDEX(Name("pandas", "MultiIndex"), {**state, "names": [None] * len(levels)})


def indexes() -> Iterator[Case]:
    """Yield row and column labels."""
    for name, rows in (
        ("billions", range_index(2 * 10**9)),
        ("2-to-the-60", range_index(2**60)),
        ("2-to-the-64", range_index(2**64)),
        ("text", range_index("3")),
    ):
        yield f"rows-range-of-{name}", pickled(frame(rows=rows))
    letter, two = index(objects(["a"])), array(I1, (2,), bytes(2))
    for name, labels in (
        ("ragged", multi((letter, two), (letter, array(I1, (3,), bytes(3))))),
        ("endless-level", multi((range_index(2**40), two), (letter, two))),
        ("codes-beyond", multi((letter, array(I1, (2,), b"\5\5")))),
        ("without-levels", multi()),
        ("nested", index(objects([[1], {"a": 2}]))),
        ("a-class", FRAME),
    ):
        block = BLOCK(array(I8, (2, 3), bytes(48)), SLICE(0, 2, 1), 2)
        yield f"columns-{name}", pickled(manager_frame((block,), [labels, range_index(3)]))
    yield "rows-without-levels", pickled(frame(BLOCK_OF_3, rows=multi()))
    yield "columns-billions", pickled(manager_frame((), [range_index(2 * 10**9), range_index(3)]))
    for name, label in (("list", [1, 2]), ("class", FRAME), ("array", THREE), ("dict", {"a": [1]})):
        named = NEW_INDEX(Name("pandas", "Index"), {"data": THREE, "name": label})
        yield f"index-named-by-{name}", pickled(frame(BLOCK_OF_3, rows=named))
    single = Name("pandas.core.internals.managers", "SingleBlockManager")(
        BLOCK(THREE, SLICE(0, 3, 1), 1), range_index(3)
    )
    yield (
        "series-named-by-list",
        pickled(Call(Name("pandas", "Series"), (), {"_mgr": single, "_name": ["x"]}, new=True)),
    )


def blocks() -> Iterator[Case]:
    """Yield blocks whose columns differ from their declaration."""
    labels = index(objects(["a"]))
    for name, values, places in (
        ("three-dimensions", array(I8, (1, 3, 1), bytes(24)), SLICE(0, 1, 1)),
        ("places-step-0", BLOCK_OF_3, SLICE(0, 1, 0)),
        ("places-floats", BLOCK_OF_3, array(F4, (1,), bytes(4))),
        ("places-beyond", BLOCK_OF_3, array(I8, (1,), struct.pack("<q", 7))),
        ("places-too-many", BLOCK_OF_3, array(I8, (3,), bytes(24))),
        ("places-a-list", BLOCK_OF_3, [0]),
        ("values-a-number", 5, SLICE(0, 1, 1)),
        ("values-short", array(I8, (1, 2), bytes(16)), SLICE(0, 1, 1)),
        ("none", array(I8, (0, 3), b""), SLICE(0, 0, 1)),
    ):
        yield f"block-{name}", pickled(manager_frame((BLOCK(values, places, 2),), [labels, range_index(3)]))
    twice = (BLOCK(BLOCK_OF_3, SLICE(0, 1, 1), 2),) * 2
    yield "block-twice", pickled(manager_frame(twice, [labels, range_index(3)]))
    yield "blocks-not-blocks", pickled(manager_frame((1, 2), [labels, range_index(3)]))
    yield "axes-three", pickled(manager_frame((), [labels, labels, range_index(3)]))
    yield "axes-numbers", pickled(manager_frame((), [1, 2]))
    yield "frame-inside-frame", pickled(frame(frame(BLOCK_OF_3)))


def calls() -> Iterator[Case]:
    """Yield nested values without a list or tuple between, so that only the calls nest."""
    interval, deep = Name("pandas", "Interval"), 50_000
    name = assemble(interval) + b"\x94" + b"h\x00" * (deep - 1)
    yield "interval-in-interval", in_a_row(Raw(name + b"K\x00" + (b"K\x01" + assemble("left") + b"\x87R") * deep))
    frozen, deep = assemble(Name("builtins", "frozenset")) + b"\x94", 2000
    nested = frozen + b"]" + b"h\x00]" * (deep - 1) + b"\x85R" + b"a\x85R" * (deep - 1)
    yield "frozenset-in-frozenset", in_a_row(Raw(nested))
    yield "interval-of-lists", in_a_row(interval([1], {"a": 1}, "left"))
    yield "tzinfo-as-cell", in_a_row(Name("datetime", "tzinfo")())
    yield "getattr-result-as-cell", in_a_row(Name("builtins", "getattr")(Name("zoneinfo", "ZoneInfo"), "_unpickle"))
