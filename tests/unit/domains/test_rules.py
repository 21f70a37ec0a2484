"""Each rule with each unusual value of the contract's table."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest

from pc_worker.domains.cleaning import rules
from pc_worker.domains.cleaning.cells import BadValue, DropRow
from pc_worker.domains.declaration.domain import CleaningRule


@pytest.mark.parametrize(
    ("cell", "years"),
    [
        ("no_exp", None),
        ("3y", 3),
        (" 10y ", 10),
        ("5", 5),
        (5, 5),
        (5.0, 5),
        (np.int64(7), 7),
        (np.float32(7), 7),
        (Decimal(4), 4),
    ],
)
@pytest.mark.parametrize("rule", [rules.positive_years, rules.rounded_years])
def test_years_are_read_from_text_and_from_whole_numbers(rule: CleaningRule, cell: object, years: int | None) -> None:
    assert rule(cell) == years
    assert type(rule(cell)) in (int, type(None))


@pytest.mark.parametrize(
    "cell",
    [
        "5y later", "", "y", "y3", "2.5", "5.0", "-3", "-3y", "+3", "3yy", "٣", "NO_EXP", "9" * 5000, "9999999999",
        -1, -0.5, np.int64(-2), np.inf, -np.inf, 2**31, 10**5000, -(10**5000), Decimal("1e999"),
        True, np.True_, b"3y", [3], {"years": 3}, 3j,
    ],
    ids=lambda cell: ascii(cell)[:20] if not isinstance(cell, int) else "int",
)  # fmt: skip
@pytest.mark.parametrize("rule", [rules.positive_years, rules.rounded_years])
def test_nonsense_and_negative_years_are_bad(rule: CleaningRule, cell: object) -> None:
    with pytest.raises(BadValue, match="number of years"):
        rule(cell)


def test_recruit_zero_years_are_null_since_the_batch_server_refuses_zero() -> None:
    assert [rules.positive_years(zero) for zero in (0, 0.0, "0", "0y", np.int32(0))] == [None] * 5


def test_candidate_zero_years_mean_junior() -> None:
    assert [rules.rounded_years(zero) for zero in (0, 0.0, "0y")] == [0, 0, 0]


def test_recruit_years_with_a_fraction_are_bad() -> None:
    with pytest.raises(BadValue, match=r"2\.5 is no whole number of years"):
        rules.positive_years(2.5)


@pytest.mark.parametrize(("cell", "years"), [(0.5, 0), (1.5, 2), (2.5, 2), (3.5, 4), (2.51, 3), (np.float64(2.5), 2)])
def test_candidate_years_round_half_to_even(cell: float, years: int) -> None:
    assert rules.rounded_years(cell) == years


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2021-07-01T00:00:00+03:00", "2021-07-01T00:00:00+03:00"),
        ("2021-07-01T00:00:00Z", "2021-07-01T00:00:00Z"),
        ("2021-07-01 12:30:05+0300", "2021-07-01T12:30:05+03:00"),
        ("2021-07-01 12:30:05+03", "2021-07-01T12:30:05+03:00"),
        ("2021-07-01 12:30:05 +03:00", "2021-07-01T12:30:05+03:00"),
        ("2021-07-01T12:30", "2021-07-01T12:30+00:00"),
        ("2021-07-01T12:30:05.123456789", "2021-07-01T12:30:05.123456789+00:00"),
        ("2021-07-01T12:30:05,5Z", "2021-07-01T12:30:05.5Z"),
        (" 2021-07-01 ", "2021-07-01T00:00:00+00:00"),
        ("", None),
        (date(2021, 7, 1), "2021-07-01T00:00:00+00:00"),
        (datetime(2021, 7, 1, 9, tzinfo=UTC), "2021-07-01T09:00:00+00:00"),
        (datetime(2021, 7, 1, 9, tzinfo=timezone(timedelta(hours=9))), "2021-07-01T09:00:00+09:00"),
        (datetime(2021, 7, 1, 9), "2021-07-01T09:00:00+00:00"),  # noqa: DTZ001 - a cell without offset is the case
    ],
    ids=str,
)
def test_timestamps_have_t_and_offset_and_are_utc_without_one(cell: object, expected: str | None) -> None:
    assert rules.timestamp(cell) == expected


@pytest.mark.parametrize(
    "cell",
    [
        "yesterday", "2021-02-30", "2021-07-01T25:00:00Z", "2021-07-01T24:00:00Z", "2021-7-1", "01.07.2021", "20210701",
        "2021-07-01x00:00:00Z", "2021-07-01T00:00:00+19:00", "0000-01-01", "2021-07-01T00:00:61Z", "2021-W26-4",
        "٢٠٢١-07-01", "2021-07-01Z", 1625097600, 1.5, True, b"2021-07-01", ["2021-07-01"], time(12, 30),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_not_a_timestamp_is_bad(cell: object) -> None:
    with pytest.raises(BadValue):
        rules.timestamp(cell)


@pytest.mark.parametrize(
    "cell", [["a", "b"], ("a", "b"), np.array(["a", "b"]), np.array(["a", "b"], dtype=object)], ids=repr
)
def test_skills_may_be_a_list_a_tuple_or_an_array(cell: object) -> None:
    assert rules.texts(cell) == ["a", "b"]
    assert [type(item) for item in rules.texts(cell)] == [str, str]


def test_a_skill_named_twice_is_kept_once_where_it_came_first() -> None:
    assert rules.texts(["b", "a", "b", "c", "a"]) == ["b", "a", "c"]


@pytest.mark.parametrize("cell", [[], (), np.array([])], ids=repr)
def test_empty_skills_drop_the_row(cell: object) -> None:
    with pytest.raises(DropRow):
        rules.texts(cell)


@pytest.mark.parametrize(
    "cell",
    ["python", b"python", 3, {"python": 1}, ["a", None], ["a", float("nan")], ["a", 1], [["a"]], np.array(3),
     np.array([["a"]]), ["a\0"], ["\ud800"]],
    ids=repr,
)  # fmt: skip
def test_skills_that_are_no_list_of_texts_are_bad(cell: object) -> None:
    with pytest.raises(BadValue):
        rules.texts(cell)


@pytest.mark.parametrize("cell", [1, 1.5, b"x", ["x"], True, date(2021, 7, 1)], ids=repr)
def test_what_is_no_text_is_bad(cell: object) -> None:
    with pytest.raises(BadValue, match="is no text"):
        rules.text(cell)


@pytest.mark.parametrize("cell", ["a\0b", "\ud800", "x\udfff"], ids=ascii)
def test_text_with_nul_or_a_lone_surrogate_is_bad(cell: str) -> None:
    with pytest.raises(BadValue, match=r"NUL|surrogate"):
        rules.text(cell)


@pytest.mark.parametrize("cell", ["", "한국어 😀", np.str_("numpy's own")], ids=repr)
def test_other_text_stays_as_it_is(cell: str) -> None:
    assert rules.text(cell) == cell
    assert type(rules.text(cell)) is str


def test_a_blank_category_is_bad_since_a_stock_batch_server_drops_the_row_in_silence() -> None:
    with pytest.raises(BadValue, match="blank"):
        rules.filled_text(" ")


def test_a_reason_quotes_the_value_shortly_and_printably() -> None:
    with pytest.raises(BadValue) as fault:
        rules.positive_years("\ud800\0 " + "x" * 5000)

    reason = str(fault.value)
    assert len(reason) < 100
    assert reason.encode().isascii() or "…" in reason
    assert "\0" not in reason
