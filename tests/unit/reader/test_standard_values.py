"""Values of the standard library in the cells of pickles: what is natural in JSON is read, all else is named."""

from __future__ import annotations

import array
import collections
import datetime as dt
import fractions
import ipaddress
import pathlib
import pickle
import zoneinfo
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pc_worker.reader import Rejected
from tests.unit.reader.reading import read_bytes

ZONED = ipaddress.ip_address("fe80::1%eth0")
VALUES: dict[str, tuple[Any, Any]] = {
    "deque": (collections.deque([1, "a", [2]]), [1, "a", [2]]),
    "empty deque": (collections.deque(), []),
    "bounded deque": (collections.deque(range(40), maxlen=50), [*range(40)]),
    "counter": (collections.Counter("banana"), {"b": 1, "a": 3, "n": 2}),
    "empty counter": (collections.Counter(), {}),
    "counter of tuples": (collections.Counter({(1, 2): -1}), {"(1, 2)": -1}),
    "fraction": (fractions.Fraction(-6, 4), "-3/2"),
    "whole fraction": (fractions.Fraction(2**70), str(2**70)),
    "IPv4": (ipaddress.ip_address("192.168.0.1"), "192.168.0.1"),
    "IPv6": (ipaddress.ip_address("fe80::1"), "fe80::1"),
    # Python 3.11.2 does not pickle the zone.
    "IPv6 with a zone": (ZONED, str(pickle.loads(pickle.dumps(ZONED)))),
    "network": (ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"),
    "interface": (ipaddress.ip_interface("2001:db8::1/64"), "2001:db8::1/64"),
    "path": (pathlib.PurePosixPath("/data/서울.pkl"), "/data/서울.pkl"),
    "Windows path": (pathlib.PureWindowsPath("C:/data/x"), "C:\\data\\x"),
    "own path": (pathlib.Path(), "."),
    "floats": (array.array("d", [0.5, -2]), [0.5, -2.0]),
    "small floats": (array.array("f", [0.5]), [0.5]),
    "bytes of numbers": (array.array("B", [0, 255]), [0, 255]),
    "large numbers": (array.array("Q", [2**64 - 1]), [2**64 - 1]),
    "no numbers": (array.array("h"), []),
}
FOREIGN: dict[str, tuple[Any, str]] = {
    "zone": (zoneinfo.ZoneInfo("Asia/Seoul"), "tzinfo"),
    "offset": (dt.timezone(dt.timedelta(hours=9)), "timezone"),
    "UTC": (dt.UTC, "timezone"),
    "slice": (slice(1, 2), "slice"),
    "Series": (pd.Series([1]), "Series"),
    "frequency": (pd.offsets.MonthEnd(), "DateOffset"),
    "class": (int, "builtins.int"),
}


def in_rows(value: Any, count: int) -> Any:
    return [{"id": number, "c": value if number == count - 1 else None} for number in range(count)]


def in_frame(value: Any, count: int) -> Any:
    cells = np.empty(count, dtype=object)
    cells[count - 1] = value
    return pd.DataFrame({"id": range(count), "c": cells})


def in_columns(value: Any, count: int) -> Any:
    return {"id": [*range(count)], "c": [None] * (count - 1) + [value]}


FORMS = {"rows": in_rows, "frame": in_frame, "columns": in_columns}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("protocol", range(6))
def test_a_value_of_the_standard_library_is_read_as_json_has_it(name: str, protocol: int, tmp_path: Path) -> None:
    value, expected = VALUES[name]
    for form in FORMS.values():
        for cell, read in ((value, expected), ([value, {"in": value}], [expected, {"in": expected}])):
            rows = read_bytes(pickle.dumps(form(cell, 30), protocol=protocol), tmp_path, chunk=7)

            assert [row["c"] for row in rows] == [None] * 29 + [read]


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_values_that_rows_share_are_read_in_each(protocol: int, tmp_path: Path) -> None:
    shared = [collections.deque([1]), collections.Counter("a"), array.array("i", [3]), fractions.Fraction(1, 2)]

    rows = read_bytes(pickle.dumps([{"c": shared[number % 4]} for number in range(2500)], protocol=protocol), tmp_path)

    assert [row["c"] for row in rows] == [[[1], {"a": 1}, [3], "1/2"][number % 4] for number in range(2500)]


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_deques_and_arrays_of_numbers_are_columns(protocol: int, tmp_path: Path) -> None:
    columns = {"a": collections.deque(range(70)), "b": array.array("d", range(70)), "c": [*range(70)]}

    rows = read_bytes(pickle.dumps(columns, protocol=protocol), tmp_path, chunk=16)

    assert rows == [{"a": number, "b": number, "c": number} for number in range(70)]


@pytest.mark.parametrize("count", [3, 1500])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", FOREIGN)
def test_an_object_that_is_no_cell_is_named_with_column_and_row(
    name: str, form: str, count: int, tmp_path: Path
) -> None:
    value, what = FOREIGN[name]
    for cell in (value, [1, {"x": value}]):
        with pytest.raises(Rejected) as caught:
            read_bytes(pickle.dumps(FORMS[form](cell, count), protocol=4), tmp_path)

        assert str(caught.value).startswith(f"not a table: column `c`, row {count - 1} holds a `{what}`")


def test_a_row_of_a_stream_that_holds_an_object_names_it(tmp_path: Path) -> None:
    data = b"".join(pickle.dumps({"id": number, "c": slice(1) if number == 2 else 0}) for number in range(3))

    with pytest.raises(Rejected, match="'c' holds a `slice`"):
        read_bytes(data, tmp_path)


def call(name: str, arguments: bytes) -> bytes:
    return b"(lp0\n(dp1\nVc\n" + b"c" + name.replace(" ", "\n").encode() + b"\n" + arguments + b"R" + b"sa."


HOSTILE = {
    "a deque of a call": call("collections deque", b"((I1\ntt"),
    "a deque that is no length": call("collections deque", b"(tI-1\n\x86"),
    "a counter of texts": call("collections Counter", b"((dVa\nVb\nst"),
    "a fraction of nothing": call("fractions Fraction", b"(I1\nI0\nt"),
    "a fraction of a long text": call("fractions Fraction", b"(V" + b"9" * 5000 + b"\nt"),
    "an address out of range": call("ipaddress IPv4Address", b"(I-1\nt"),
    "an address of bytes": call("ipaddress IPv6Address", b"(C\x01at"),
    "a path of a number": call("pathlib PosixPath", b"(I1\nt"),
    "a path in another module": call("pathlib Path.cwd", b"(t"),
    "an array of texts": call("array array", b"(Vd\n(lVa\nat"),
    "an array out of range": call("array array", b"(Vb\n(lI300\nat"),
    "an array of half a number": call("array _array_reconstructor", b"(carray\narray\nVd\nI16\nC\x03abct"),
    "an array of another class": call("array _array_reconstructor", b"(cbuiltins\nlist\nVd\nI16\nC\x00t"),
    "an array of an unknown format": call("array _array_reconstructor", b"(carray\narray\nVd\nI-1\nC\x00t"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_call_that_no_writer_makes_is_rejected(name: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected) as caught:
        read_bytes(HOSTILE[name], tmp_path)

    assert caught.value.kind in ("unsafe", "broken")


@pytest.mark.parametrize("code", ["u"])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_an_array_of_characters_says_how_to_save_it(code: str, protocol: int, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="holds characters: save it as a text"):
        read_bytes(pickle.dumps([{"c": array.array(code, "ab")}], protocol=protocol), tmp_path)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("myapp.models Record", "save plain values, lists and dicts"),
        ("dateutil.tz.tz tzstr", "convert the timestamps"),
        ("numpy.ma MaskedArray", "filled"),
        ("polars.dataframe.frame DataFrame", "Parquet"),
        ("torch._utils _rebuild_tensor_v2", "numpy"),
        ("numpy evil\udc80", "asarray"),
    ],
)
def test_a_name_that_is_not_listed_comes_with_advice(name: str, advice: str, tmp_path: Path) -> None:
    data = b"\x80\x04]}(\x8c\x01c" + b"".join(
        b"\x8c" + bytes([len(part)]) + part for part in (word.encode("utf-8", "surrogatepass") for word in name.split())
    )

    with pytest.raises(Rejected, match=f"not on the allow-list: .*{advice}") as caught:
        read_bytes(data + b"\x93usa.", tmp_path)
    assert caught.value.kind == "unsafe"


@pytest.mark.parametrize("value", [complex("nan"), complex(1, float("nan")), np.complex64("nan")])
def test_a_complex_number_that_is_nan_is_null(value: Any, tmp_path: Path) -> None:
    rows = read_bytes(
        pickle.dumps(pd.DataFrame({"n": [1 + 2j, value], "o": pd.Series([value, 1j], dtype=object)})), tmp_path
    )

    assert rows == [{"n": "(1+2j)", "o": None}, {"n": None, "o": "1j"}]
