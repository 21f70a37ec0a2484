"""Arrow columns whose buffers, children and types do not fit together, or stand for more than they hold."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

from tests.hostile.assembler import Call, Name, Raw, assemble, frame, pickled, range_index

Case = tuple[str, bytes]


def arrow(name: str, *arguments: Any) -> Call:
    """Return a call of pyarrow's."""
    return Call(Name("pyarrow.lib", name), arguments)


def kind(alias: str) -> Call:
    """Return a type by its name."""
    return arrow("type_for_alias", alias)


def parts(
    of: Any, length: Any, buffers: Sequence[bytes | None], children: Sequence[Any] = (), words: Any = None, at: Any = 0
) -> tuple[Any, ...]:
    """Return an array: its type, length, offset, buffers, children and dictionary."""
    held = [None if data is None else arrow("py_buffer", data) for data in buffers]
    return (of, length, 0, at, held, list(children), words)


def column(*array: Any, rows: int = 3) -> bytes:
    """Return a frame of one Arrow column."""
    chunks = arrow("chunked_array", [arrow("_restore_array", parts(*array))], None)
    state = {"_pa_array": chunks, "_dtype": None}
    return pickled(
        frame(Call(Name("pandas.arrays", "ArrowExtensionArray"), (), state, new=True), rows=range_index(rows))
    )


def ints(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}i", *numbers)


def longs(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *numbers)


def cases() -> Iterator[Case]:
    """Yield all of them by name."""
    for family in (free_values, types, texts, views, values, children):
        for name, data in family():
            yield f"arrow-{name}", data


MOST = 2**31 - 1


def free_values() -> Iterator[Case]:
    """Yield values that take no bytes: any number of them fits into any file."""
    null, empty = kind("null"), arrow("struct", [])
    listed = ints(0, 0, 0, MOST)
    yield "list-of-2g-nulls", column(arrow("list_", null), 3, [None, listed], [parts(null, MOST, [None])])
    yield "list-of-2g-structs", column(arrow("list_", empty), 3, [None, listed], [parts(empty, MOST, [None])])
    fixed = arrow("list_", null, MOST)
    yield "fixed-list-of-2g-nulls", column(fixed, 3, [None], [parts(null, 3 * MOST, [None])])
    nothing = arrow("list_", kind("int32"), 0)
    inner = parts(nothing, MOST, [None], [parts(kind("int32"), 0, [None, b""])])
    yield "list-of-2g-empty-lists", column(arrow("list_", nothing), 3, [None, listed], [inner])
    billions = arrow("chunked_array", [arrow("_restore_array", parts(null, 2 * 10**9, [None]))], None)
    state = {"_pa_array": billions, "_dtype": None}
    held = Call(Name("pandas.arrays", "ArrowExtensionArray"), (), state, new=True)
    yield "billions-of-null-rows", pickled(frame(held, rows=range_index(2 * 10**9)))


def types() -> Iterator[Case]:
    """Yield types that pyarrow rejects or crashes on."""
    int32 = kind("int32")
    yield "binary-of-negative-size", column(arrow("binary", -7), 3, [None, b"abc"])
    yield "binary-of-2g", column(arrow("binary", MOST), 3, [None, b"abc"])
    yield "list-of-negative-size", column(arrow("list_", int32, -5), 3, [None], [parts(int32, 3, [None, bytes(12)])])
    yield "decimal-of-999-digits", column(arrow("decimal128", 999, 2), 3, [None, bytes(48)])
    yield "decimal-too-large", column(arrow("decimal128", 3, 2), 3, [None, b"\x7f" * 48])
    yield "unit-unknown", column(arrow("timestamp", "parsec", None), 3, [None, bytes(24)])
    for zone in ("leapseconds", "+99:99", "../../etc/passwd", "x" * 5000):
        yield f"zone-{zone[:12].replace('/', '_')}", column(arrow("timestamp", "s", zone), 3, [None, bytes(24)])
    for alias in ("os.system", "month_interval", "day_time_interval", "list", "", "int32\n"):
        yield (
            f"alias-{alias.strip() or 'empty'}{'-line' * alias.endswith(chr(10))}",
            column(kind(alias), 3, [None, bytes(48)]),
        )
    field = arrow("field", "a", int32, True, None)
    yield "struct-of-twins", column(arrow("struct", [field] * 2), 3, [None], [parts(int32, 3, [None, bytes(12)])] * 2)
    yield "struct-of-types", column(arrow("struct", [int32]), 3, [None], [parts(int32, 3, [None, bytes(12)])])
    nested = assemble(Name("pyarrow.lib", "list_")) + b"\x94" + b"h\x00" * 4999 + assemble(int32) + b"\x85R" * 5000
    yield "type-5000-deep", column(Raw(nested), 3, [None])
    words = parts(kind("string"), 1, [None, ints(0, 1), b"x"])
    coded = arrow("dictionary", int32, kind("string"), False)
    yield (
        "dictionary-in-list-beyond",
        column(arrow("list_", coded), 3, [None, ints(0, 1, 2, 3)], [parts(coded, 3, [None, ints(0, 7, 0)], [], words)]),
    )


def texts() -> Iterator[Case]:
    """Yield texts whose offsets run backwards or out of the data."""
    text = kind("string")
    for name, offsets in (
        ("backwards", (0, 3, 1, 3)),
        ("negative", (-1, 1, 2, 3)),
        ("beyond", (0, 1, 2, MOST)),
        ("short", (0, 1)),
    ):
        yield f"offsets-{name}", column(text, 3, [None, ints(*offsets), b"abc"])
        yield (
            f"list-offsets-{name}",
            column(
                arrow("list_", kind("int32")), 3, [None, ints(*offsets)], [parts(kind("int32"), 3, [None, bytes(12)])]
            ),
        )
    yield "offset-far", column(text, 3, [None, ints(0, 1, 2, 3), b"abc"], (), None, 2**62)
    yield "not-utf8", column(text, 3, [None, ints(0, 1, 2, 3), b"a\xffc"])
    inner = parts(text, 3, [None, ints(0, 1, 2, 3), b"a\xffc"])
    yield "not-utf8-in-list", column(arrow("list_", text), 3, [None, ints(0, 1, 2, 3)], [inner])
    yield "bits-short", column(text, 3, [b"", ints(0, 1, 2, 3), b"abc"])
    yield "buffers-missing", column(text, 3, [None])
    yield "buffer-is-none", column(text, 3, [None, ints(0, 1, 2, 3), None])


def views() -> Iterator[Case]:
    """Yield texts and lists that lie outside their data, or share it too often."""
    text, lists = kind("string_view"), arrow("list_view", kind("int32"))
    data = b"x" * 20
    for name, view in (("beyond", (20, 0, 0, 8)), ("negative", (20, 0, 0, -8)), ("of-no-buffer", (20, 0, 3, 0))):
        yield f"view-{name}", column(text, 1, [None, ints(*view), data], rows=1)
    yield "view-of-a-prefix-that-differs", column(text, 1, [None, ints(20, 5, 0, 0), data], rows=1)
    yield "view-not-utf8", column(text, 1, [None, b"\2\0\0\0a\xff" + bytes(10)], rows=1)
    yield "view-without-data", column(text, 1, [None, ints(20, 0, 0, 0)], rows=1)
    for name, offsets, sizes in (("beyond", (0, 2), (1, 9)), ("negative", (0, -2), (1, 1)), ("short", (0,), (1,))):
        child = [parts(kind("int32"), 3, [None, bytes(12)])]
        yield f"list-view-{name}", column(lists, 2, [None, ints(*offsets), ints(*sizes)], child, rows=2)
    yield "list-view-without-child", column(lists, 2, [None, ints(0, 0), ints(1, 1)], rows=2)


def values() -> Iterator[Case]:
    """Yield numbers that are not dates, and lengths that are not numbers."""
    yield "date-within-a-day", column(kind("date64"), 3, [None, longs(2**62, -(2**62), 5)])
    yield "time-of-no-day", column(kind("time64[us]"), 3, [None, longs(2**62, -5, 0)])
    yield "numbers-short", column(kind("int64"), 3, [None, longs(1, 2)])
    yield "length-text", column(kind("int64"), "3", [None, longs(1, 2, 3)])
    yield "length-negative", column(kind("int64"), -3, [None, longs(1, 2, 3)])
    yield "length-endless", column(kind("null"), 2**62, [None])


def children() -> Iterator[Case]:
    """Yield nested arrays whose children are missing, short or of another length."""
    int32, text = kind("int32"), kind("string")
    field = arrow("field", "a", int32, True, None)
    yield "list-without-child", column(arrow("list_", int32), 3, [None, ints(0, 1, 2, 3)])
    yield "struct-child-short", column(arrow("struct", [field]), 3, [None], [parts(int32, 2, [None, ints(1, 2)])])
    yield "struct-without-child", column(arrow("struct", [field]), 3, [None])
    yield "child-a-number", column(arrow("struct", [field]), 3, [None], [5])
    coded = arrow("dictionary", int32, text, False)
    yield (
        "dictionary-code-beyond",
        column(coded, 3, [None, ints(0, 7, -3)], [], parts(text, 1, [None, ints(0, 1), b"x"])),
    )
    yield "dictionary-missing", column(coded, 3, [None, ints(0, 0, 0)])
    chunks = arrow("chunked_array", [1, 2], None)
    state = {"_pa_array": chunks, "_dtype": None}
    yield "chunks-of-numbers", pickled(frame(Call(Name("pandas.arrays", "ArrowExtensionArray"), (), state, new=True)))
