"""Filters as SQL: values are bound, and equal numbers have one form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.errors import InvalidRequest
from pc_worker.model.filter import Filter, conditions
from pc_worker.store.search.filters.payload_fields import any_paths
from pc_worker.store.search.filters.sql import Parameters, RowFilter, where_sql
from pc_worker.store.search.filters.where import parse_where


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        tree = parse_where([text])
    except InvalidRequest:
        return
    sql(tree)


def sql(tree: Filter | None) -> tuple[str, Parameters]:
    if tree is None:
        return where_sql(None)
    return where_sql(RowFilter(tree=tree, paths={one.field: any_paths(one.field) for one in conditions(tree)}))


def test_values_and_fields_are_never_in_the_statement() -> None:
    tree = parse_where(["secret_field=secret_value", "n>=12345", "t<=9999-12-31", "a.secret!=secret,secret"])

    statement, values = sql(tree)

    assert not any(part in statement for part in ("secret", "12345", "9999"))
    bound = str(values)
    assert all(part in bound for part in ("secret_field", "secret_value", "12345", '$."a"."secret"'))


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ('a"b', ['$."a\\"b"']),
        ("a\\b", ['$."a\\\\b"']),
        ("값", ['$."값"']),
        ("a.b.c", ['$."a.b.c"', '$."a.b"."c"', '$."a"."b.c"', '$."a"."b"."c"']),
        ("a.b.c.d.e.f", ['$."a.b.c.d.e.f"', '$."a"."b"."c"."d"."e"."f"']),
    ],
)
def test_a_field_is_a_name_or_a_path(field: str, expected: list[str]) -> None:
    assert any_paths(field) == expected
