"""Parquet of every type that pyarrow reads: the same cells, without pandas, within the budgets."""

from __future__ import annotations

import datetime as dt
import decimal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

from pc_worker.reader import Limits, Rejected, Timestamp, inspect_file, open_table
from pc_worker.reader.cells.values import NAT, timestamp_value
from tests.unit.reader.reading import read_twice

ROOT = Path(__file__).parents[3]
FAR = pa.array([10**15, None, -(10**15)]).view(pa.timestamp("ms"))
COLUMNS: dict[str, tuple[Any, list[Any]]] = {
    "far": (FAR, ["33658-09-27T01:46:40", None, "-29719-04-05T22:13:20"]),
    "far in structs": (
        pa.StructArray.from_arrays([FAR, pa.array([1, 2, 3])], ["when", "n"]),
        [{"when": "33658-09-27T01:46:40", "n": 1}, {"when": None, "n": 2},
         {"when": "-29719-04-05T22:13:20", "n": 3}],
    ),
    "nanoseconds": (pa.array([1, None, 10**9 + 1]).view(pa.timestamp("ns", "UTC")),
                    ["1970-01-01T00:00:00.000000001+00:00", None, "1970-01-01T00:00:01.000000001+00:00"]),
    "times": (pa.array([1, None, 10**9]).view(pa.time64("ns")), ["00:00:00.000000001", None, "00:00:01"]),
    "days": (pa.array([dt.date(2020, 2, 29), None, dt.date(1, 1, 1)]), ["2020-02-29", None, "0001-01-01"]),
    "decimals": (pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("-7.25")], pa.decimal128(38, 2)),
                 ["1.50", None, "-7.25"]),
    "large texts": (pa.array(["a", None, "c"], pa.large_string()), ["a", None, "c"]),
    "text views": (pa.array(["a", None, "c" * 40], pa.string_view()), ["a", None, "c" * 40]),
    "dictionary": (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
    "maps": (pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())), [[["k", 1]], None, []]),
    "ids": (pa.ExtensionArray.from_storage(pa.uuid(), pa.array([uuid.UUID(int=1).bytes, None, uuid.UUID(int=2).bytes],
                                                              pa.binary(16))),
            [str(uuid.UUID(int=1)), None, str(uuid.UUID(int=2))]),
    "JSON": (pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a":1}', None, "[]"])), ['{"a":1}', None, "[]"]),
    "vectors": (pa.array([[1.0, 2.0], None, [3.0, 4.5]], pa.list_(pa.float32(), 2)), [[1.0, 2.0], None, [3.0, 4.5]]),
    "nested": (pa.array([[{"a": [1]}], None, [{"a": None}, None]]), [[{"a": [1]}], None, [{"a": None}, None]]),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_what_pyarrow_reads_is_read(name: str, tmp_path: Path) -> None:
    column, expected = COLUMNS[name]
    pq.write_table(pa.table({"id": [1, 2, 3], "c": column}), tmp_path / "f", row_group_size=2)

    rows = read_twice(tmp_path / "f", tmp_path, chunk=2)

    assert [row["c"] for row in rows] == expected


ARRAYS = {
    "days beyond Python's": (pa.array([2**31 - 1, None, 0], pa.int32()).view(pa.date32()),
                             [Timestamp((2**31 - 1) * 86_400, "s"), None, dt.date(1970, 1, 1)]),
    "dictionary in lists": (
        pa.ListArray.from_arrays([0, 1, 1, 2], pa.array(["a", "b"]).dictionary_encode()), [["a"], [], ["b"]]),
    "categories of more words than cells": (
        pa.DictionaryArray.from_arrays([1, None, 3], pa.array([*"abcdef"])), ["b", None, "d"]),
    "runs": (pa.RunEndEncodedArray.from_arrays([2, 3], pa.array(["a", "b"])), ["a", "a", "b"]),
    "list views": (pa.array([[1], None, [2, 3]], pa.list_view(pa.int64())), [[1], None, [2, 3]]),
    "months, days and nanoseconds": (pa.array([(1, 2, 3), None, (0, 0, 0)], pa.month_day_nano_interval()),
                                     [(1, 2, 3), None, (0, 0, 0)]),
    "fixed lists of text": (pa.array([["a", "b"], None, ["c", None]], pa.list_(pa.string(), 2)),
                            [["a", "b"], None, ["c", None]]),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_arrow_types_that_parquet_has_not_are_values_too(name: str) -> None:
    from pc_worker.reader.pickle.shapes.arrow_cells import arrow_python_values

    array, expected = ARRAYS[name]

    assert [tuple(cell) if "months" in name and cell else cell for cell in arrow_python_values(array)] == expected
    assert len(arrow_python_values(array.slice(1, 2))) == 2


def words(prefix: str) -> pa.Array:
    return pa.array([f"{prefix}{number}" for number in range(8)]).dictionary_encode()


@pytest.mark.parametrize("kind", ["parquet", "arrow stream"])
def test_categories_whose_words_differ_by_row_group_are_read(kind: str, tmp_path: Path) -> None:
    parts = [pa.table({"c": words(prefix)}) for prefix in "xyz"]
    path, schema = tmp_path / "f", parts[0].schema
    with pq.ParquetWriter(path, schema) if kind == "parquet" else pa.ipc.new_stream(str(path), schema) as writer:
        for part in parts:
            writer.write_table(part)

    with open_table(path, spool=tmp_path) as table:
        cells = table.read(0, table.rows).columns["c"]

    assert cells == pa.concat_tables(parts)["c"].to_pylist()


@pytest.mark.parametrize("zone", ["UTC", "Asia/Seoul", "America/New_York", "+09:30"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_moments_in_a_zone_are_those_of_the_zone_also_at_the_ends_of_the_calendar(unit: str, zone: str) -> None:
    from pc_worker.reader.cells import zones
    from pc_worker.reader.pickle.shapes.arrow_cells import arrow_python_values

    ends = [-62_135_596_800, 253_402_300_799] if unit != "ns" else [-9_000_000_000, 9_000_000_000]
    summer = [1_711_846_799, 1_711_846_800, 1_730_613_600, 1_730_617_200]
    ticks = [None, *[second * {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit] for second in ends + summer]]

    found = arrow_python_values(pa.array(ticks, pa.timestamp(unit, zone)))

    assert found == [timestamp_value(NAT if tick is None else tick, unit, zones.of_text(zone)) for tick in ticks]


@pytest.mark.parametrize("name", ["far in structs", "nested", "maps"])
def test_nested_cells_are_the_same_by_pyarrows_conversion_and_by_ours(name: str) -> None:
    from pc_worker.reader.pickle.shapes import arrow_cells

    column = COLUMNS[name][0]

    by_ours = next(rule for is_kind, rule in arrow_cells._RULES if is_kind(column.type))(column)

    assert arrow_cells.arrow_python_values(column) == by_ours


def test_a_struct_with_two_fields_of_one_name_is_read(tmp_path: Path) -> None:
    column = pa.StructArray.from_arrays([pa.array([1, 2]), pa.array([3, 4])], ["a", "a"])
    with pa.ipc.new_stream(str(tmp_path / "f"), pa.schema([("c", column.type)])) as writer:
        writer.write_batch(pa.record_batch([column], ["c"]))

    assert read_twice(tmp_path / "f", tmp_path) == [{"c": {"a": 3}}, {"c": {"a": 4}}]


@pytest.mark.parametrize("columns", [["id"], ["id", "text"]])
@pytest.mark.parametrize("group", [0, 1])
def test_pages_that_state_fewer_rows_than_their_row_group_are_damage(
    group: int, columns: list[str], tmp_path: Path
) -> None:
    table = pa.table({"id": [1, 2, 3, 4, 5, 6], "text": ["a", "b", "c", "d", "e", "f"]}).select(columns)
    pq.write_table(table, tmp_path / "f", row_group_size=3, use_dictionary=False)
    data = (tmp_path / "f").read_bytes()
    for number in range(len(columns)):
        start = pq.read_metadata(tmp_path / "f").row_group(group).column(number).data_page_offset
        count = data.index(b"\x2c\x15\x06", start) + 2  # the page's header states 3 values
        data = data[:count] + b"\x04" + data[count + 1 :]
    (tmp_path / "damaged").write_bytes(data)

    with pytest.raises(Rejected, match=f"row group {group} should have 3 rows|is damaged or cut short"):
        read_twice(tmp_path / "damaged", tmp_path)


@pytest.mark.parametrize("codec", [3, 9], ids=["LZO", "unknown"])
def test_a_way_of_compression_that_is_not_read_is_no_damage(codec: int, tmp_path: Path) -> None:
    pq.write_table(pa.table({"abc": [1, 2]}), tmp_path / "f", compression="snappy")
    data = (tmp_path / "f").read_bytes()
    place = data.rindex(b"\x03abc\x15\x02") + 5  # the footer's codec of the column
    (tmp_path / "f").write_bytes(data[:place] + bytes([2 * codec]) + data[place + 1 :])

    with pytest.raises(Rejected, match="not a table: the Parquet table is compressed in a way that is not read"):
        read_twice(tmp_path / "f", tmp_path)


@pytest.mark.parametrize(("stated", "rows"), [(5, None), (1, 4), (0, 4)])
def test_a_table_without_all_the_rows_that_it_states_is_damaged(stated: int, rows: int | None, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1, 2, 3, 4]}), tmp_path / "f", row_group_size=2)
    data = (tmp_path / "f").read_bytes()
    place = data.rindex(b"\x16\x08\x19\x2c") + 1  # the footer states 4 rows in a list of 2 row groups
    (tmp_path / "f").write_bytes(data[:place] + bytes([2 * stated]) + data[place + 1 :])

    if rows is None:
        with pytest.raises(Rejected, match=f"it should have {stated} rows, and 4 can be read"):
            read_twice(tmp_path / "f", tmp_path)
    else:  # parquet-testing has a file that states 0
        assert len(read_twice(tmp_path / "f", tmp_path)) == rows


def unreadable() -> pa.Array:
    """Return lists of invalid times of day."""
    return pa.ListArray.from_arrays([0, 1, 1], pa.array([10**18]).view(pa.time64("ns")))


def test_a_column_that_is_not_read_is_named_and_refuses_only_its_use(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1, 2], "odd": unreadable()}), tmp_path / "f")

    with open_table(tmp_path / "f", spool=tmp_path) as table:
        assert [(column.name, column.kind) for column in table.columns] == [("id", "int"), ("odd", "unreadable")]
        assert table.read(0, 2, ["id"]).columns["id"] == [1, 2]
        with pytest.raises(Rejected, match=r"column `odd` holds list<.*time64.* that are not read; leave it out"):
            table.read(0, 2)
    report = inspect_file(tmp_path / "f", spool=tmp_path)
    assert (report.verdict, report.columns[1].samples) == ("readable", ())


def test_a_table_that_expands_too_far_is_refused_before_it_fills_the_spool(tmp_path: Path) -> None:
    pq.write_table(pa.table({"c": ["x" * 100_000] * 300}), tmp_path / "f")

    with pytest.raises(Rejected, match=r"expands to more than 200 times") as caught:
        open_table(tmp_path / "f", spool=tmp_path, limits=Limits(ratio_free_bytes=10 << 20))

    assert caught.value.kind == "over a limit"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_rows_that_cost_no_bytes_are_held_against_the_size(tmp_path: Path) -> None:
    pq.write_table(pa.table({"c": pa.nulls(100_000)}), tmp_path / "f")

    with pytest.raises(Rejected, match="rows for each byte"):
        open_table(tmp_path / "f", spool=tmp_path, limits=Limits(rows_free=1000, rows_per_byte=2))


def test_reading_parquet_does_not_need_pandas(tmp_path: Path) -> None:
    columns = {name: column for name, (column, _) in COLUMNS.items()}
    pq.write_table(pa.table(columns), tmp_path / "f")
    code = (
        "import sys; from pathlib import Path; from pc_worker.reader import inspect_file, open_table;"
        f"where = Path({str(tmp_path)!r}); inspect_file(where / 'f', spool=where);"
        "t = open_table(where / 'f', spool=where); b = t.read(0, 3); [b.normal_row(n) for n in range(3)];"
        "print('pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )

    assert done.stdout.strip() == "False"


def _not_utf8(rows: int, bad: int) -> pa.Array:
    texts = pa.array([b"a\xffb" if row == bad else b"text %d" % row for row in range(rows)], pa.binary())
    return pa.Array.from_buffers(pa.string(), rows, texts.buffers())


@pytest.mark.parametrize("nested", ["no", "list", "struct"])
@pytest.mark.parametrize("write", [pq.write_table, pyarrow.feather.write_feather, pyarrow.orc.write_table])
def test_a_text_that_is_not_utf8_is_rejected_before_any_row_is_read(
    write: Callable[..., None], nested: str, tmp_path: Path
) -> None:
    texts = _not_utf8(3000, bad=2500)
    column = {
        "no": texts,
        "list": pa.ListArray.from_arrays(pa.array(range(3001), pa.int32()), texts),
        "struct": pa.StructArray.from_arrays([texts], ["inner"]),
    }[nested]
    write(pa.table({"id": range(3000), "t": column}), str(tmp_path / "f"))

    with pytest.raises(Rejected, match="broken: ") as refused:
        open_table(tmp_path / "f", spool=tmp_path)

    if write is pq.write_table:
        assert "column `t` holds a text that is not UTF-8" in refused.value.reason
        assert refused.value.row == (2500 if nested == "no" else None)
