"""Filters: what a text or a JSON tree means, and what is refused in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from pc_worker.errors import InvalidRequest
from pc_worker.model.filter import AllOf, AnyOf, Condition, Not
from pc_worker.store.search.filters.where import MAX_DEPTH, MAX_VALUES, parse_where, read_where


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("kind=class", Condition("kind", "=", ("class",))),
        ("a b = c", Condition("a b", "=", ("c",))),
        ("f=", Condition("f", "=", ("",))),
        ("f=a=b", Condition("f", "=", ("a=b",))),
        ("token=YWJj==", Condition("token", "=", ("YWJj==",))),
        ("n!=5", Condition("n", "!=", ("5",))),
        ("n>5", Condition("n", ">", ("5",))),
        ("n >= 5", Condition("n", ">=", ("5",))),
        ("n<-2.5e3", Condition("n", "<", ("-2.5e3",))),
        ("t<=2024-02-29T10:00:00+09:00", Condition("t", "<=", ("2024-02-29T10:00:00+09:00",))),
        ("f=%' OR 1=1 --", Condition("f", "=", ("%' OR 1=1 --",))),
        ("country=KR,US", Condition("country", "=", ("KR,US", "KR", "US"))),
        ("country=KR, US", Condition("country", "=", ("KR, US", "KR", "US"))),
        ('city="Seoul, Korea"', Condition("city", "=", ("Seoul, Korea",))),
        ('city!="a, b",c', Condition("city", "!=", ("a, b", "c"))),
        ('f="=5"', Condition("f", "=", ("=5",))),
        ('f=" padded "', Condition("f", "=", (" padded ",))),
        ('f=6" pipe', Condition("f", "=", ('6" pipe',))),
        ('"a=b"=5', Condition("a=b", "=", ("5",))),
        ('"a ""b"" > c" >5', Condition('a "b" > c', ">", ("5",))),
        ("wow! really=5", Condition("wow! really", "=", ("5",))),
        ("a.b.c=5", Condition("a.b.c", "=", ("5",))),
        ("값=한국", Condition("값", "=", ("한국",))),
        ("f=null", Condition("f", "=", ("null", None))),
        ("f=a\nb", Condition("f", "=", ("a\nb",))),
    ],
)
def test_a_text_is_a_field_an_operator_and_values(text: str, condition: Condition) -> None:
    assert parse_where([text]) == condition


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("n==5", "did you mean '='"),
        ("n=>5", "did you mean '>='"),
        ("n=<5", "did you mean '<='"),
        ("n<>5", "did you mean '!='"),
        ("n=~x", "did you mean '='"),
        ("name", "FIELD=VALUE"),
        ("", "FIELD=VALUE"),
        ("=a", "FIELD=VALUE"),
        ('""=a', "field is empty"),
        ("n>=five", "a range ends at a number or an ISO 8601 date"),
        ("n>", "a range ends"),
        ("n>=1e9999", "a range ends"),
        ("t>=2024-02-30", "a range ends"),
        ("n<nan", "a range ends"),
        ("f=\0", "no stored value"),
        ("f=\ud800", "no stored value"),
        ("n≥5", "FIELD=VALUE"),
    ],
)
def test_any_other_text_is_refused_in_one_sentence(text: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match="filter") as refused:
        parse_where([text])

    assert says in str(refused.value)


def comparison(op: str, value: Any) -> dict[str, Any]:
    return {"field": "n", "op": op, "value": value}


@pytest.mark.parametrize(
    ("where", "tree"),
    [
        (None, None),
        ([], None),
        ("n=5", Condition("n", "=", ("5",))),
        (["n=5"], Condition("n", "=", ("5",))),
        (["a=1", comparison("<", 2)], AllOf((Condition("a", "=", ("1",)), Condition("n", "<", ("2",))))),
        (comparison("=", 5.0), Condition("n", "=", ("5.0",))),
        (comparison("eq", True), Condition("n", "=", ("true",))),
        (comparison("ne", None), Condition("n", "!=", (None,))),
        (comparison("=", "a,b"), Condition("n", "=", ("a,b",))),
        (comparison("in", [1, "b", False, None]), Condition("n", "=", ("1", "b", "false", None))),
        (comparison("in", []), Condition("n", "=", ())),
        (comparison("gte", 10**30), Condition("n", ">=", ("1" + "0" * 30,))),
        ({"not": comparison("=", " x ")}, Not(Condition("n", "=", (" x ",)))),
        ({"not": ["a=1", "b=2"]}, Not(AllOf((Condition("a", "=", ("1",)), Condition("b", "=", ("2",)))))),
        ({"or": ["a=1"]}, AnyOf((Condition("a", "=", ("1",)),))),
        (
            {"and": ["a=1", {"or": ["b=2", {"not": "c=3"}]}]},
            AllOf(
                (
                    Condition("a", "=", ("1",)),
                    AnyOf((Condition("b", "=", ("2",)), Not(Condition("c", "=", ("3",))))),
                )
            ),
        ),
    ],
)
def test_a_tree_joins_comparisons(where: Any, tree: Any) -> None:
    assert read_where(where) == tree


def nested(depth: int) -> Any:
    tree: Any = "a=1"
    for _ in range(depth):
        tree = {"not": tree}
    return tree


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (5, "neither text nor an object"),
        ({"field": "n", "value": 5}, "lacks 'op'"),
        ({"fild": "n", "op": "=", "value": 5}, "there is no 'fild'"),
        (comparison("like", "x"), "there is no operator 'like'"),
        (comparison("IN", ["x"]), "there is no operator 'IN'; did you mean 'in'"),
        (comparison("nin", ["x"]), "there is no operator 'nin'; did you mean 'in'"),
        (comparison("not in", ["x"]), "there is no operator 'not in'"),
        (comparison("contains", "x"), "did you mean"),
        (comparison("GT", 5), "did you mean 'gt'"),
        (comparison("=", [5]), "op in has an array"),
        (comparison("in", 5), "op in has an array"),
        (comparison("=", {"a": 1}), "neither text, a number"),
        (comparison("in", [[1]]), "neither text, a number"),
        (comparison("=", float("nan")), "neither text, a number"),
        (comparison("=", 10**20_000), "more than 4,096 characters"),
        (comparison(">", None), "a range ends"),
        (comparison(">", True), "a range ends"),
        ({"field": 5, "op": "=", "value": 5}, "are texts"),
        ({"field": " ", "op": "=", "value": 5}, "field is empty"),
        ({"and": []}, "array of filters"),
        ({"or": "a=1"}, "array of filters"),
        ({"and": ["a=1"], "or": ["b=1"]}, "no other key"),
        ({"or": ["a=1"] * 65}, "65 filters are too many"),
        ({"or": [{"and": ["a=1"] * 40}, {"and": ["a=1"] * 40}]}, "80 filters are too many"),
        (comparison("in", ["x"] * (MAX_VALUES + 1)), "1,001 values"),
        (nested(MAX_DEPTH + 1), "nested more than 32"),
        (nested(900), "nested more than 32"),
    ],
)
def test_a_wrong_tree_is_refused_in_one_short_sentence(where: Any, says: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_where(where)

    assert says in str(refused.value)
    assert len(str(refused.value)) < 300
