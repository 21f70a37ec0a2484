"""Arrow's own formats: types that are not read are named, and nothing small unpacks to much before it is refused."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pc_worker.reader import Limits, Rejected, open_table
from tests.unit.reader.reading import read_twice

WRITERS = {"file": pa.ipc.new_file, "stream": pa.ipc.new_stream}
MiB = 1 << 20


def written(table: pa.Table, form: str, compression: str | None = None) -> bytes:
    target = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with WRITERS[form](target, table.schema, options=options) as writer:
        writer.write_table(table)
    return target.getvalue()


def refusal(data: bytes, folder: Path, **limits: int) -> Rejected:
    (folder / "f").write_bytes(data)
    with pytest.raises(Rejected) as caught:
        open_table(folder / "f", spool=folder, limits=Limits(**limits))
    assert [path.name for path in folder.iterdir()] == ["f"]
    return caught.value


class Tagged(pa.ExtensionType):  # type: ignore[misc]  # pyarrow has no types
    """A type of another program's, stored as a union."""

    def __init__(self) -> None:
        super().__init__(SPARSE.type, "test.tagged")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""


KINDS = pa.array([0, 1], pa.int8())
PLACES = pa.array([0, 0], pa.int32())
SPARSE = pa.UnionArray.from_sparse(KINDS, [pa.array([1, 2]), pa.array(["x", "y"])])
DENSE = pa.UnionArray.from_dense(KINDS, PLACES, [pa.array([1]), pa.array(["x"])])
UNIONS: dict[str, Any] = {
    "sparse": SPARSE,
    "dense": DENSE,
    "in lists": pa.ListArray.from_arrays([0, 1, 2], DENSE),
    "in large lists": pa.LargeListArray.from_arrays([0, 1, 2], SPARSE),
    "in fixed lists": pa.FixedSizeListArray.from_arrays(SPARSE, 1),
    "in list views": pa.ListViewArray.from_arrays([0, 1], [1, 1], SPARSE),
    "in structs": pa.StructArray.from_arrays([DENSE], ["x"]),
    "in maps": pa.MapArray.from_arrays([0, 1, 2], pa.array(["a", "b"]), SPARSE),
    "in runs": pa.RunEndEncodedArray.from_arrays([1, 2], SPARSE),
    "in dictionaries": pa.DictionaryArray.from_arrays(pa.array([0, 1]), SPARSE),
    "in lists of structs": pa.ListArray.from_arrays([0, 1, 2], pa.StructArray.from_arrays([SPARSE], ["x"])),
    "in an extension": pa.ExtensionArray.from_storage(Tagged(), SPARSE),
}


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("name", UNIONS)
def test_a_column_with_a_union_at_any_depth_is_named(name: str, form: str, tmp_path: Path) -> None:
    error = refusal(written(pa.table({"id": [1, 2], "either": UNIONS[name]}), form), tmp_path)

    assert (error.kind, error.column) == ("not a table", "either")
    assert "column `either` holds " in error.reason
    assert error.reason.endswith(" values that are not read; leave it out")


def interval_in_months() -> Iterator[bytes]:
    """Yield a stream with a type that Arrow has and pyarrow has no class for: one that it has, with another unit."""
    data = written(pa.table({"id": [1], "span": pa.array([(1, 2, 3)], pa.month_day_nano_interval())}), "stream")
    for place in range(len(data)):
        changed = data[:place] + b"\0" + data[place + 1 :]
        if data[place : place + 2] == b"\2\0":
            try:
                if "span: month_interval" in str(pa.ipc.open_stream(changed).schema):
                    yield changed
            except (pa.ArrowException, OSError):
                continue


def test_a_type_that_pyarrow_has_no_class_for_is_named(tmp_path: Path) -> None:
    error = refusal(next(interval_in_months()), tmp_path)

    assert (error.kind, error.column) == ("not a table", "span")
    assert "column `span` holds month_interval values that are not read; leave it out" in error.reason


def legacy(table: pa.Table) -> bytes:
    target = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(use_legacy_format=True)
    with pa.ipc.new_stream(target, table.schema, options=options) as writer:
        writer.write_table(table)
    return target.getvalue()


@pytest.mark.parametrize("columns", [1, 3, 3000])
def test_a_stream_as_it_was_before_version_0_15_is_read(columns: int, tmp_path: Path) -> None:
    table = pa.table({f"a column called {number}": [1, 2, None] for number in range(columns)})
    data = legacy(table)
    assert data[:4] != b"\xff\xff\xff\xff"
    (tmp_path / "f").write_bytes(data)

    assert read_twice(tmp_path / "f", tmp_path) == table.to_pylist()


def test_what_only_begins_like_such_a_stream_is_none(tmp_path: Path) -> None:
    data = legacy(pa.table({"id": [1]}))

    error = refusal(data[:4] + bytes(8) + data[12:], tmp_path)

    assert error.kind == "not a table"


HOURS = pa.array([86_400_000 + 5, None, 5], pa.int64()).view(pa.date64())
LONG = pa.array([10**9, None, -7], pa.int32()).view(pa.decimal32(3, 2))
ODD: dict[str, tuple[Any, list[Any]]] = {
    "hours of a day": (HOURS, ["1970-01-02", None, "1970-01-01"]),
    "long decimals": (LONG, ["10000000.00", None, "-0.07"]),
    "in structs": (pa.StructArray.from_arrays([LONG], ["x"]), [{"x": "10000000.00"}, {"x": None}, {"x": "-0.07"}]),
    "in lists": (pa.ListArray.from_arrays([0, 1, 2, 3], HOURS), [["1970-01-02"], [None], ["1970-01-01"]]),
    "in large lists": (pa.LargeListArray.from_arrays([0, 1, 2, 3], LONG), [["10000000.00"], [None], ["-0.07"]]),
    "in fixed lists": (pa.FixedSizeListArray.from_arrays(LONG, 1), [["10000000.00"], [None], ["-0.07"]]),
    "in maps": (pa.MapArray.from_arrays([0, 0, 1, 3], pa.array(["a", "b", "c"]), HOURS),
                [[], [["a", "1970-01-02"]], [["b", None], ["c", "1970-01-01"]]]),
}  # fmt: skip


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("name", ODD)
def test_dates_and_decimals_that_their_types_forbid_are_values(name: str, form: str, tmp_path: Path) -> None:
    column, expected = ODD[name]
    (tmp_path / "f").write_bytes(written(pa.table({"c": column}), form))

    assert [row["c"] for row in read_twice(tmp_path / "f", tmp_path)] == expected


@pytest.mark.parametrize("kind", [pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")], ids=str)
@pytest.mark.parametrize("form", WRITERS)
def test_a_time_that_no_day_has_costs_its_column_only(form: str, kind: pa.DataType, tmp_path: Path) -> None:
    times = pa.array([0, -1], pa.int32() if pa.types.is_time32(kind) else pa.int64()).view(kind)
    (tmp_path / "f").write_bytes(written(pa.table({"id": [1, 2], "t": times}), form))

    with open_table(tmp_path / "f", spool=tmp_path) as table:
        assert table.read(0, 2, ["id"]).columns["id"] == [1, 2]
        with pytest.raises(Rejected, match="column `t` holds time"):
            table.read(0, 2)


@pytest.mark.parametrize("kind", [pa.decimal32, pa.decimal64, pa.decimal128, pa.decimal256])
@pytest.mark.parametrize("scale", [120, 127])
def test_a_decimal_that_arrow_cannot_convert_costs_its_column_only(kind: Any, scale: int, tmp_path: Path) -> None:
    of = kind(7, scale)
    column = pa.Array.from_buffers(of, 2, [None, pa.py_buffer((12345).to_bytes(of.byte_width, "little") * 2)])
    (tmp_path / "f").write_bytes(written(pa.table({"id": [1, 2], "n": column}), "file"))

    with open_table(tmp_path / "f", spool=tmp_path) as table:
        assert table.read(0, 2, ["id"]).columns["id"] == [1, 2]
        with pytest.raises(Rejected, match="not a table: column `n` holds decimal"):
            table.read(0, 2)


def test_a_damaged_offset_beside_them_is_damage(tmp_path: Path) -> None:
    data = written(pa.table({"text": ["abc", "d", "e"], "c": HOURS}), "file")
    offsets = np.array([0, 3, 4, 5], np.int32).tobytes()
    assert data.count(offsets) == 1

    error = refusal(data.replace(offsets, np.array([0, 2**30, 4, 5], np.int32).tobytes()), tmp_path)

    assert error.kind == "broken"


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
@pytest.mark.parametrize("form", WRITERS)
def test_a_small_file_that_unpacks_to_much_is_refused_before_it_does(
    form: str, compression: str, tmp_path: Path
) -> None:
    data = written(pa.table({"id": [1], "zeros": [bytes(40 * MiB)]}), form, compression)
    before = pa.total_allocated_bytes()
    assert len(data) < 200_000

    error = refusal(data, tmp_path, ratio_free_bytes=32 * MiB)

    assert error.kind == "over a limit"
    assert "a batch unpacks to 41943" in error.reason
    assert pa.total_allocated_bytes() - before < MiB


@pytest.mark.parametrize("form", WRITERS)
def test_the_length_that_a_buffer_claims_is_held_against_the_limits(form: str, tmp_path: Path) -> None:
    length = 5 * MiB
    data = written(pa.table({"zeros": [bytes(length)]}), form, "zstd")
    claimed = data.replace(struct.pack("<q", length), struct.pack("<q", 1 << 60))
    assert claimed != data

    error = refusal(claimed, tmp_path)

    assert error.kind == "over a limit"
    assert f"unpacks to {(1 << 60) + 8} bytes" in error.reason


@pytest.mark.parametrize("form", WRITERS)
def test_dictionaries_count_too(form: str, tmp_path: Path) -> None:
    words = pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), pa.array([bytes(40 * MiB)]))

    error = refusal(written(pa.table({"word": words}), form, "zstd"), tmp_path, ratio_free_bytes=32 * MiB)

    assert "a batch unpacks to 41943" in error.reason


@pytest.mark.parametrize("word", ["x" * 100_000, b"x" * 100_000, ["x" * 50_000] * 2], ids=["text", "bytes", "list"])
@pytest.mark.parametrize("form", WRITERS)
def test_a_long_word_that_many_rows_refer_to_is_not_written_out_for_all(form: str, word: Any, tmp_path: Path) -> None:
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(200_000, "i1")), pa.array([word]))

    error = refusal(written(pa.table({"word": words}), form, "zstd"), tmp_path, ratio_free_bytes=32 * MiB)

    assert "expands to more than 200 times" in error.reason


@pytest.mark.parametrize("compression", ["zstd", "lz4", None])
@pytest.mark.parametrize("form", WRITERS)
def test_what_is_within_the_limits_is_read(form: str, compression: str | None, tmp_path: Path) -> None:
    words = pa.DictionaryArray.from_arrays(pa.array([n % 3 for n in range(5000)], pa.int8()), ["a" * 9000, "b", None])
    table = pa.table({"n": range(5000), "word": words, "none": pa.nulls(5000)})
    (tmp_path / "f").write_bytes(written(table, form, compression))

    assert read_twice(tmp_path / "f", tmp_path, chunk=5000) == table.to_pylist()


@pytest.mark.parametrize("form", WRITERS)
def test_any_damage_of_the_metadata_is_a_refusal(form: str, tmp_path: Path) -> None:
    """Every 7th byte turned over, in a folder of its own each: read or refused, and never another error."""
    data = written(pa.table({"id": [1, 2], "text": ["a" * 200, "b"]}), form, "zstd")
    ended, told = set(), ""
    for place in range(8, len(data), 7):
        (tmp_path / f"{place}").write_bytes(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])
        try:
            open_table(tmp_path / f"{place}", spool=tmp_path).close()
            ended.add("read")
        except Rejected as error:
            ended.add(error.kind)
            told += str(error)

    assert "broken" in ended
    assert "flatbuffer" not in told


def of_three_batches(form: str, options: Any = None) -> bytes:
    target = io.BytesIO()
    table = pa.table({"id": [1, 2, 3, 4, 5], "text": ["a", None, "c", "d", "e"]})
    with WRITERS[form](target, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=2)
    return target.getvalue()


@pytest.mark.parametrize("form", WRITERS)
def test_a_cut_at_any_byte_is_damage_also_between_two_batches(form: str, tmp_path: Path) -> None:
    data = of_three_batches(form)
    assert count_of(data, tmp_path) == 5

    for length in range(0, len(data) - 4, 8):  # the parts of these formats are multiples of 8 bytes
        assert refusal(data[:length], tmp_path).kind in ("broken", "not a table"), length


def test_a_stream_of_before_version_0_15_that_is_cut_between_two_batches_is_damage(tmp_path: Path) -> None:
    data = of_three_batches("stream", pa.ipc.IpcWriteOptions(use_legacy_format=True))
    assert count_of(data, tmp_path) == 5

    assert "no end mark" in refusal(data[:-4], tmp_path).reason


def test_a_footer_that_lists_fewer_batches_than_there_are_is_damage(tmp_path: Path) -> None:
    data = of_three_batches("file")
    place = data.rindex(struct.pack("<i", 3), 0, len(data) - 60)  # the number of blocks in the footer

    error = refusal(data[:place] + struct.pack("<i", 1) + data[place + 4 :], tmp_path)

    assert (error.kind, "does not list all of its batches" in error.reason) == ("broken", True)


@pytest.mark.parametrize("form", WRITERS)
def test_any_other_byte_of_the_metadata_is_a_refusal_or_the_same_number_of_rows(form: str, tmp_path: Path) -> None:
    data = of_three_batches(form)
    for place in range(8, len(data), 13):
        damaged = data[:place] + bytes([data[place] + 1 & 255]) + data[place + 1 :]
        with contextlib.suppress(Rejected):
            assert count_of(damaged, tmp_path) == 5, place


def count_of(data: bytes, folder: Path) -> int:
    """Return the number of rows of a file that holds ``data``, and leave nothing."""
    (folder / "f").write_bytes(data)
    try:
        with open_table(folder / "f", spool=folder) as table:
            return table.rows
    finally:
        for path in folder.iterdir():
            path.unlink()
