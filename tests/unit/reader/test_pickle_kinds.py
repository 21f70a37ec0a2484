"""Pickles of kinds that common libraries write beyond plain columns: zones, frequencies, Arrow types, mixtures."""

from __future__ import annotations

import datetime as dt
import pickle
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg2.tz
import pyarrow as pa
import pytest
from dateutil import tz
from dateutil.relativedelta import MO
from pandas.tseries import offsets
from pandas.tseries.holiday import USFederalHolidayCalendar

from pc_worker.reader import Rejected, open_table
from tests.unit.reader.reading import read_bytes

MOMENTS = ["1899-05-05", "1988-06-01", "2024-03-10 06:59:59", "2024-03-10 07:00", "2024-11-03 05:30", "2037-12-01"]


def rows(*values: Any, folder: Path, protocol: int = 4) -> list[dict[str, Any]]:
    return read_bytes(b"".join(pickle.dumps(value, protocol) for value in values), folder)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(
    "zone",
    [
        tz.gettz("America/New_York"),
        tz.gettz("Asia/Seoul"),
        tz.gettz("UTC"),
        tz.tzfile("/usr/share/zoneinfo/Etc/GMT+5"),
        tz.tzoffset("KST", 32400),
        tz.tzlocal(),
        psycopg2.tz.FixedOffsetTimezone(offset=dt.timedelta(hours=9)),
    ],
    ids=["New York", "Seoul", "UTC", "no change", "offset", "local", "psycopg2"],
)
def test_a_column_and_cells_in_a_zone_of_another_library(zone: dt.tzinfo, protocol: int, tmp_path: Path) -> None:
    moments = pd.Series(pd.to_datetime(MOMENTS, format="mixed")).dt.tz_localize("UTC").dt.tz_convert(zone)
    cells = [dt.datetime(2024, 11, 3, 1, 30, tzinfo=zone), dt.datetime(2024, 7, 1, tzinfo=zone)]

    frame = pd.DataFrame({"t": moments})
    assert rows(frame, folder=tmp_path, protocol=protocol) == [{"t": moment.isoformat()} for moment in moments]
    assert rows([{"t": cell} for cell in cells], folder=tmp_path) == [{"t": cell.isoformat()} for cell in cells]


def test_a_local_zone_with_summer_time_is_rejected_with_advice(tmp_path: Path) -> None:
    zone = tz.tzlocal()
    zone._hasdst = True

    with pytest.raises(Rejected, match="convert the timestamps to a named zone or to UTC"):
        rows([{"t": dt.datetime(2024, 1, 1, tzinfo=zone)}], folder=tmp_path)


@pytest.mark.parametrize("times", [(5, 5), (7, 3), (0, 2**40)], ids=["equal", "descending", "far"])
def test_a_zone_whose_changes_no_file_has_is_rejected(times: tuple[int, int], tmp_path: Path) -> None:
    zone = tz.gettz("Asia/Seoul")
    zone = pickle.loads(pickle.dumps(zone))
    zone._trans_list_utc, zone._trans_idx = times, zone._trans_idx[:2]

    with pytest.raises(Rejected, match="a time zone"):
        rows([{"t": dt.datetime(2024, 1, 1, tzinfo=zone)}], folder=tmp_path)


@pytest.mark.parametrize(
    "frequency",
    [
        offsets.CustomBusinessDay(holidays=["2024-01-01"], weekmask="Sun Mon Tue"),
        offsets.CustomBusinessDay(calendar=USFederalHolidayCalendar()),
        offsets.CustomBusinessMonthEnd(),
        offsets.CustomBusinessHour(start="09:30"),
        offsets.BusinessHour(),
        offsets.BDay(2),
        offsets.SemiMonthEnd(),
        offsets.BQuarterEnd(),
        offsets.BYearBegin(),
        offsets.WeekOfMonth(week=1, weekday=2),
        offsets.LastWeekOfMonth(weekday=4),
        offsets.FY5253Quarter(weekday=1, startingMonth=8, qtr_with_extra_week=1, variation="last"),
        offsets.Easter(),
        offsets.DateOffset(months=1, weekday=MO(1)),
    ],
    ids=lambda frequency: type(frequency).__name__,
)
def test_the_frequency_of_an_index_does_not_matter(frequency: Any, tmp_path: Path) -> None:
    index = pd.date_range("2024-01-01", periods=3, freq=frequency)

    for protocol in (2, 5):
        found = rows(pd.DataFrame({"x": range(len(index))}, index=index), folder=tmp_path, protocol=protocol)
        assert found == [{"index": moment.isoformat(), "x": n} for n, moment in enumerate(index)]


ARROW: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "decimal32": (pa.decimal32(5, 2), [Decimal("1.50"), None], ["1.50", None]),
    "decimal64": (pa.decimal64(12, 2), [Decimal("1.50"), None], ["1.50", None]),
    "texts": (pa.string_view(), ["한", None, "", "more than twelve bytes", "and yet another one"], []),
    "bytes": (
        pa.binary_view(),
        [b"a", None, b"more than twelve bytes"],
        ["YQ==", None, "bW9yZSB0aGFuIHR3ZWx2ZSBieXRlcw=="],
    ),
    "lists": (pa.list_view(pa.int64()), [[1, 2], None, [], [3]], []),
    "long lists": (pa.large_list_view(pa.string_view()), [["a", "more than twelve bytes"], None, []], []),
    "words in lists": (pa.list_(pa.dictionary(pa.int8(), pa.string())), [["a", "b"], None, ["b"]], []),
    "months": (pa.month_day_nano_interval(), [(1, 2, 3), None], [[1, 2, 3], None]),
    "uuid": (pa.uuid(), [uuid.UUID(int=5), None], [str(uuid.UUID(int=5)), None]),
    "json": (pa.json_(), ['{"a": 1}', None], []),
}


@pytest.mark.parametrize("name", ARROW)
def test_newer_arrow_types(name: str, tmp_path: Path) -> None:
    kind, values, expected = ARROW[name]
    array = pd.arrays.ArrowExtensionArray(pa.array(values * 9, kind))

    for part in (slice(None), slice(3, 20)):
        found = rows(pd.DataFrame({"a": array[part]}), folder=tmp_path, protocol=5)
        assert [row["a"] for row in found] == ((expected or values) * 9)[part]


def test_flags_that_are_stored_as_bytes(tmp_path: Path) -> None:
    flags = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None, 0], pa.int8()))

    found = rows(pd.DataFrame({"a": pd.arrays.ArrowExtensionArray(flags)}), folder=tmp_path)
    assert [row["a"] for row in found] == [True, None, False]
    assert all(type(row["a"]) is not int for row in found)


def test_a_run_end_encoded_column_is_rejected_with_advice(tmp_path: Path) -> None:
    array = pd.arrays.ArrowExtensionArray(pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "b"]))

    with pytest.raises(Rejected, match=r"not a table: .*run_end_decode"):
        rows(pd.DataFrame({"a": array}), folder=tmp_path)


VIEWS = np.dtype([("length", "<i4"), ("prefix", "S4"), ("buffer", "<i4"), ("offset", "<i4")])


@pytest.mark.parametrize(
    ("field", "value"), [("length", -1), ("length", 2**30), ("buffer", 5), ("buffer", -1), ("offset", 2**30)]
)
def test_a_text_that_lies_outside_its_data_is_rejected(field: str, value: int, tmp_path: Path) -> None:
    array = pd.arrays.ArrowExtensionArray(pa.array(["more than twelve bytes"] * 3, pa.string_view()))
    data = pickle.dumps(pd.DataFrame({"a": array}), 4)
    view = array._pa_array.chunk(0).buffers()[1].to_pybytes()[:48]
    damaged = np.frombuffer(view, VIEWS).copy()
    damaged[field][1] = value
    assert data.count(view) == 1

    (tmp_path / "damaged").write_bytes(data.replace(view, damaged.tobytes()))
    with pytest.raises(Rejected, match=r"broken|share their data"):
        open_table(tmp_path / "damaged", spool=tmp_path)


def frame(*values: int) -> pd.DataFrame:
    return pd.DataFrame({"a": list(values)})


A1, A2, A3 = {"a": 1}, {"a": 2}, {"a": 3}
MIXED: dict[str, tuple[list[Any], list[Any]]] = {
    "row, table": ([A1, frame(3)], [A1, A3]),
    "table, rows": ([frame(3), A1, A2], [A3, A1, A2]),
    "rows, table, rows": ([*[A1] * 60, frame(3), *[A2] * 60, frame(1)], [*[A1] * 60, A3, *[A2] * 60, A1]),
    "list, table, row": ([[A1, A2], frame(3), {"b": [1, 2]}, A1], [A1, A2, A3, {"b": [1, 2]}, A1]),
    "columns, list": ([{"a": [1, 2]}, [A3]], [A1, A2, A3]),
    "columns that are rows": ([{"a": [1, 2]}, frame(3), A1], [{"a": [1, 2]}, A3, A1]),
    "empty list, row": ([[], A1], [A1]),
    "table, empty list": ([frame(3), []], [A3]),
    "rows of dicts": ([{"a": {"b": 1}}, frame(3), {"a": [{"b": 2}]}], [{"a": {"b": 1}}, A3, {"a": [{"b": 2}]}]),
}


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("name", MIXED)
def test_rows_and_tables_one_after_another(name: str, protocol: int, tmp_path: Path) -> None:
    pickles, expected = MIXED[name]

    assert rows(*pickles, folder=tmp_path, protocol=protocol) == expected


@pytest.mark.parametrize("empty", [[], {}, {"a": []}, pd.DataFrame(), pd.DataFrame({"a": []}), {"data_frame": frame()}])
def test_an_empty_table_has_no_rows(empty: Any, tmp_path: Path) -> None:
    assert rows(empty, folder=tmp_path) == []


@pytest.mark.parametrize("protocol", [2, 5])
def test_whole_numbers_of_an_index_are_floats_next_to_a_null(protocol: int, tmp_path: Path) -> None:
    """Cells, and labels, as pandas returns them; the values of categories and of nullable types stay whole."""
    levels = [[1, np.nan, 2], pd.array([1, None, 2], "Int64"), [1, 2, 3], pd.Categorical([1, None, 2])]
    table = pd.DataFrame({"x": [1, 2, 3]}, index=pd.MultiIndex.from_arrays(levels, names=list("abcd")))
    labelled = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_arrays([[1, np.nan], ["a", "b"]]))

    found = rows(table, folder=tmp_path, protocol=protocol)
    assert list(map(repr, found[0].values())) == ["1.0", "1", "1", "1", "1"]
    assert list(map(repr, found[2].values())) == ["2.0", "2", "3", "2", "3"]
    assert found[1] == {"a": None, "b": None, "c": 2, "d": None, "x": 2}
    assert list(rows(labelled, folder=tmp_path, protocol=protocol)[0]) == list(map(str, labelled.columns))


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("null", [{}, {"na_object": None}, {"na_object": float("nan")}, {"coerce": False}], ids=str)
def test_numpy_texts_of_any_length(null: dict[str, Any], protocol: int, tmp_path: Path) -> None:
    texts = ["한", "", "x" * 300, null.get("na_object", "y")]
    array = np.array(texts, np.dtypes.StringDType(**null))

    expected = [None if text != text else text for text in texts]
    assert [row["a"] for row in rows({"a": array}, folder=tmp_path, protocol=protocol)] == expected
    assert rows([{"a": array}], folder=tmp_path, protocol=protocol) == [{"a": expected}]


LEVELS = {
    "Timestamp": pd.DatetimeIndex([pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01 10:00:00.000000001")]),
    "zone": pd.DatetimeIndex(["2024-01-01 00:00:00.0", "2024-06-01 10:00:00.5"]).tz_localize("Asia/Seoul"),
    "UTC": pd.to_datetime(["2024-01-01", "1960-06-01"]).tz_localize("UTC"),
    "Timedelta": pd.to_timedelta(["1 day", "-1 second"]),
    "Period": pd.period_range("2024-01", periods=2, freq="M"),
    "Interval": pd.interval_range(0, 2),
    "Interval of times": pd.interval_range(pd.Timestamp("2024-01-01"), periods=2, closed="left"),
}


@pytest.mark.parametrize("level", LEVELS)
def test_a_label_of_several_levels_reads_as_pandas_prints_it(level: str, tmp_path: Path) -> None:
    table = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_arrays([["v", "w"], LEVELS[level]]))

    assert list(rows(table, folder=tmp_path)[0]) == list(map(str, table.columns))


@pytest.mark.parametrize("count", [1, 3, 2000])
@pytest.mark.parametrize("pickles", [False, True], ids=["one list", "one pickle a row"])
def test_keys_of_one_row_with_equal_texts_keep_their_cells(count: int, pickles: bool, tmp_path: Path) -> None:
    values = [{1: number, "1": "text", "a": None} for number in range(count)] + [{"1": "only", "b": 2}]
    expected = [{"1.1": number, "1": "text", "a": None} for number in range(count)] + [{"1": "only", "b": 2}]

    assert rows(*(values if pickles else [values]), folder=tmp_path) == expected


@pytest.mark.parametrize("keys", [(1, "1"), (None, "None"), (dt.date(2024, 1, 1), "2024-01-01"), (2.5, "2.5")], ids=str)
def test_keys_of_one_text_keep_their_columns_in_any_order(keys: tuple[Any, str], tmp_path: Path) -> None:
    other, text = keys
    rows = [{other: "of the other", text: "of the text"}, {text: "of the text", other: "of the other"}]

    found = read_bytes(pickle.dumps(rows), tmp_path)

    assert found == [{text: "of the text", f"{text}.1": "of the other"}] * 2
