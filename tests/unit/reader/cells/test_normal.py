"""The normal form of every type that a cell may have, as the contract words it."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import uuid
import zoneinfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.reader import MISSING, Interval, Period, Timedelta, Timestamp, normal
from pc_worker.reader.cells.values import duration_value, timestamp_value
from pc_worker.reader.pickle.shapes.names import column_names, index_names


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (float("nan"), None),
        (np.float32("nan"), None),
        (np.datetime64("NaT"), None),
        (MISSING, None),
        (float("inf"), "Infinity"),
        (np.float32("-inf"), "-Infinity"),
        (10**40, 10**40),
        (np.int8(-3), -3),
        (np.bool_(True), True),
        (b"\x00\xff", "AP8="),
        (bytearray(b"a"), "YQ=="),
        (decimal.Decimal("1.50"), "1.50"),
        (decimal.Decimal("NaN"), None),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (1 - 2j, "(1-2j)"),
        (dt.date(2020, 1, 2), "2020-01-02"),
        (dt.time(1, 2, 3), "01:02:03"),
        (dt.datetime(2020, 1, 2, 3, tzinfo=dt.UTC), "2020-01-02T03:00:00+00:00"),
        (dt.timedelta(days=-1, seconds=1), "P-1DT0H0M1S"),
        (np.datetime64("2020-01-01"), "2020-01-01T00:00:00"),
        (np.timedelta64(90, "s"), "P0DT0H1M30S"),
        ((1, [2, (3,)]), [1, [2, [3]]]),
        ({3, 1, 2}, [1, 2, 3]),
        ({"b", 1}, ["b", 1]),
        ({1: {None: 2.5}}, {"1": {"None": 2.5}}),
        (np.array([[1.5, np.nan], [np.inf, 2]]), [[1.5, None], ["Infinity", 2.0]]),
        (np.array(["a", None], dtype=object), ["a", None]),
        (np.array(5.5), 5.5),
        (np.str_("x"), "x"),
        (Interval(1, 2, "both"), "[1, 2]"),
        (Period(600, "M"), "2020-01"),
    ],
)
def test_a_value_has_this_normal_form(value: object, expected: object) -> None:
    found = normal(value)

    assert found == expected
    assert type(found) is type(expected)
    json.dumps(found, ensure_ascii=False, allow_nan=False)


def test_a_type_that_no_reader_gives_has_none() -> None:
    with pytest.raises(TypeError, match="no normal form"):
        normal(object())


@given(ticks=st.integers(-(2**63) + 1, 2**63 - 1), unit=st.sampled_from(["ns", "us", "ms", "s"]))
def test_moments_read_as_pandas_writes_them(ticks: int, unit: str) -> None:
    expected = pd.Timestamp(np.int64(ticks).view(f"M8[{unit}]")) if _in_years(ticks, unit) else None

    found = normal(timestamp_value(ticks, unit, None))

    assert expected is None or found == expected.isoformat()
    assert isinstance(found, str)


def _in_years(ticks: int, unit: str) -> bool:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    return -62_135_596_800 < ticks / per_second < 253_402_300_799


@given(ticks=st.integers(-(2**63) + 1, 2**63 - 1))
def test_spans_read_as_pandas_writes_them(ticks: int) -> None:
    assert normal(duration_value(ticks, "ns")) == pd.Timedelta(ticks, "ns").isoformat()


def test_far_years_are_written_out() -> None:
    assert Timestamp(253_402_300_800, "s").isoformat() == "10000-01-01T00:00:00"
    assert Timedelta(1, "ns").isoformat() == "P0DT0H0M0.000000001S"


def test_nat_is_none() -> None:
    assert timestamp_value(-(2**63), "ns", None) is None
    assert duration_value(-(2**63), "ns") is None


def test_a_repeated_label_gets_the_next_free_suffix() -> None:
    assert column_names(["a", "a", "a.1", "a", "b"]) == ["a", "a.2", "a.1", "a.3", "b"]


def test_index_levels_make_way_for_columns() -> None:
    assert index_names([None], ["index"]) == ["index.1"]
    assert index_names([None, "k", None], ["k"]) == ["level_0", "k.1", "level_2"]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Seoul", "America/New_York", "Europe/Berlin", "Asia/Kolkata"])
@pytest.mark.parametrize(
    "when",
    ["1700-01-02", "1897-05-22", "1918-07-01", "1944-08-01", "1955-06-01", "1969-12-31", "1970-01-01", "2200-07-01"],
)
def test_nanoseconds_in_a_zone_have_the_offset_of_their_own_time(when: str, zone: str) -> None:
    expected = pd.Timestamp(f"{when}T20:40:04.383667698Z").tz_convert(zone)

    found = Timestamp(expected.as_unit("ns").value, "ns", zoneinfo.ZoneInfo(zone)).isoformat()

    assert found == expected.isoformat()


@pytest.mark.parametrize("days", [-(10**7), -719_163, -719_162, -719_161, 2_932_895, 2_932_896, 2_932_897, 10**7])
def test_a_moment_beyond_the_calendar_differs_by_whole_cycles_of_it(days: int) -> None:
    far, next_cycle = (Timestamp((days + more) * 86_400 + 3661, "s", dt.UTC).isoformat() for more in (0, 146_097))

    assert int(next_cycle[: next_cycle.index("-", 1)]) - int(far[: far.index("-", 1)]) == 400
    assert far[far.index("-", 1) :] == next_cycle[next_cycle.index("-", 1) :]
