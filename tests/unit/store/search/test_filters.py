"""Filters: syntax and SQL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.errors import InvalidRequest
from pc_worker.store.search.filters import Condition, parse_where, where_sql


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("kind=class", Condition("kind", "=", "class")),
        ("a b = c", Condition("a b", "=", " c")),
        ("f=", Condition("f", "=", "")),
        ("f=a=b", Condition("f", "=", "a=b")),
        ("f=>5", Condition("f", "=", ">5")),
        ("n>=5", Condition("n", ">=", "5")),
        ("n<=-2.5", Condition("n", "<=", "-2.5")),
        ("t>=2024-02-29", Condition("t", ">=", "2024-02-29")),
        ("t<=2024-02-29T10:00:00+09:00", Condition("t", "<=", "2024-02-29T10:00:00+09:00")),
        ("f=%' OR 1=1 --", Condition("f", "=", "%' OR 1=1 --")),
    ],
)
def test_a_filter_is_a_field_an_operator_and_a_value(text: str, condition: Condition) -> None:
    assert parse_where([text]) == [condition]


@pytest.mark.parametrize(
    "text", ["", "=", "=a", "name", "n>5", "n>=five", "t>=2024-02-30", "n>=", "n>=1e9", "f=\0", "f=\ud800"]
)
def test_any_other_text_is_invalid(text: str) -> None:
    with pytest.raises(InvalidRequest, match="filter"):
        parse_where([text])


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        conditions = parse_where([text])
    except InvalidRequest:
        return
    where_sql(conditions)


def test_values_are_never_in_the_statement() -> None:
    statement, values = where_sql(parse_where(["secret_field=secret_value", "n>=12345", "t<=9999-12-31"]))

    assert not any(part in statement for part in ("secret", "12345", "9999"))
    assert {"secret_field", "secret_value", "12345"} <= {str(value) for value in values.values()}
