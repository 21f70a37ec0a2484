"""Filters on a real server: which rows meet them, what is refused, and that both sides compare alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pc_worker.errors import InvalidRequest
from pc_worker.services.forget import forget_all, forget_ids
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.db.connection import Database
from pc_worker.store.search.filters.payload_fields import MAX_FIELDS, collect_fields
from pc_worker.store.search.values import ordered, value_form
from tests.integration.search.shelf import Shelf, WordEncoder, open_shelf

ROWS: dict[str, dict[str, Any]] = {
    "int": {"n": 5, "country": "KR", "flag": True, "at": "2024-05-01"},
    "float": {"n": 5.0, "country": "US", "flag": False, "at": "2024-05-01T00:00:00"},
    "text": {"n": "5.00", "country": "KR, US", "flag": "True", "at": "2024-05-01T09:00:00+09:00"},
    "six": {"n": 6, "country": " KR ", "tags": ["a", "b,c"], "at": "2024-05-02 10:30"},
    "huge": {"n": 10**30, "tags": [], "author": {"name": "Kim", "age": 41}},
    "missing": {"n": None, "author": [{"name": "Lee"}, {"name": "Kim", "born": {"year": 1990}}]},
    "nested": {"n": [1, [7, 8]], "author.name": "Dot", "a=b": "x", 'q"t': "y", "값": "한국"},
    "many": {"n": -5, "tags": [f"t{n}" for n in range(400)]},
    "odd": {"n": "007", "country": "null", "path": "a\\b", "quote": "O'Brien; DROP TABLE rows; --", "at": "2024-13-45"},
}


@pytest.fixture(scope="module")
def shelf(database: Database) -> Shelf:
    shelf = open_shelf(database, "document")
    payloads = [{"name": name, **payload} for name, payload in ROWS.items()]
    shelf.add_all(["word"] * len(ROWS), payloads=payloads)
    return shelf


@pytest.fixture(scope="module")
def met(shelf: Shelf) -> Callable[..., set[str]]:
    def met(where: Any, mode: str = "hybrid", domain: str = "document") -> set[str]:
        request = SearchRequest.model_validate(
            {"query": "word", "domain": domain, "mode": mode, "k": 100, "where": where}
        )
        return {hit.payload["name"] for hit in search(shelf.database, request, encoder=WordEncoder).hits}

    return met


EVERYTHING = set(ROWS)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("n=5", {"int", "float", "text"}),
        ("n = 5.000", {"int", "float", "text"}),
        ("n=50e-1", {"int", "float", "text"}),
        ("n=007", {"odd"}),
        ("n=5,6", {"int", "float", "text", "six"}),
        ("n!=5", EVERYTHING - {"int", "float", "text"}),
        ("n!=5,6,null", {"huge", "nested", "many", "odd"}),
        ("n>5", {"six", "huge", "nested"}),
        ("n>=1e30", {"huge"}),
        ("n<=-5", {"many"}),
        ("n<5", {"many", "nested"}),
        ("n=8", {"nested"}),
        ("n=null", {"missing"}),
        ("country=KR", {"int"}),
        ("country=KR,US", {"int", "float", "text"} - {"text"}),
        ("country=KR, US", {"int", "float", "text"}),
        ('country="KR, US"', {"text"}),
        ('country=" KR "', {"six"}),
        ("country=null", {"odd", "huge", "missing", "nested", "many"}),
        ("flag=True", {"int", "text"}),
        ("flag=true", {"int"}),
        ("tags=a", {"six"}),
        ('tags="b,c"', {"six"}),
        ("tags=t399", {"many"}),
        ("at=2024-05-01", {"int", "float", "text"}),
        ("at!=2024-05-01T00:00:00Z", EVERYTHING - {"int", "float", "text"}),
        ("at>2024-05-01", {"six"}),
        ("at<2024-05-02T10:30:00.5+00:00", {"int", "float", "text", "six"}),
        ("at=2024-13-45", {"odd"}),
        ("author.name=Kim", {"huge", "missing"}),
        ("author.name=Dot", {"nested"}),
        ("author.born.year>=1990", {"missing"}),
        ("author.age<1e2", {"huge"}),
        ('"a=b"=x', {"nested"}),
        ('"q""t"=y', {"nested"}),
        ("값=한국", {"nested"}),
        ("path=a\\b", {"odd"}),
        ("quote=O'Brien; DROP TABLE rows; --", {"odd"}),
        ({"field": "country", "op": "=", "value": None}, {"huge", "missing", "nested", "many"}),
        ({"not": "n=5"}, EVERYTHING - {"int", "float", "text"}),
        ({"not": {"or": ["n=5", "n<0", {"field": "n", "op": "=", "value": None}]}}, {"six", "huge", "nested", "odd"}),
        ({"and": ["n=5", {"or": ["country=KR", {"field": "flag", "op": "=", "value": False}]}]}, {"int", "float"}),
        ({"field": "n", "op": "in", "value": []}, set()),
        ({"field": "n", "op": "in", "value": ["5", 6, None]}, {"int", "float", "text", "six", "missing"}),
        (["n>=5", "n<=6"], {"int", "float", "text", "six", "nested"}),
        (["author.name=Kim", "n>0"], {"huge"}),
    ],
)
@pytest.mark.parametrize("mode", ["text", "vector"])
def test_a_filter_returns_exactly_the_rows_that_meet_it(
    met: Callable[..., set[str]], where: Any, expected: set[str], mode: str
) -> None:
    assert met(where, mode) == expected


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("contry=KR", "did you mean 'country'"),
        ("Country=KR", "did you mean 'country'"),
        ("author.nam=Kim", "did you mean 'author.name'"),
        ("zzzz>5", "no row of domain document has the field 'zzzz'; it has "),
        ({"or": ["n=5", {"not": "nosuchfield=1"}]}, "the field 'nosuchfield'"),
        ("n.x=5", "the field 'n.x'"),
        ("$.n=5", "the field '$.n'"),
        ('"n"" || pg_sleep(9)"=5', "no row"),
    ],
)
def test_a_field_that_no_row_has_is_refused_with_the_nearest_name(
    met: Callable[..., set[str]], where: Any, says: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        met(where)

    assert says in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_filter_that_matches_some_rows_does_not_change_their_scores(shelf: Shelf) -> None:
    scores = [
        {hit.id: hit.score for hit in search(shelf.database, request, encoder=WordEncoder).hits}
        for request in (
            SearchRequest(query="word", domain="document", mode="vector", k=100),
            SearchRequest.model_validate({"query": "word", "domain": "document", "mode": "vector", "where": "n=5"}),
        )
    ]

    assert len(scores[1]) == 3
    assert scores[1].items() <= scores[0].items()


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.from_regex(r"-?[0-9]{1,3}([.][0-9]{1,3})?([eE][+-]?[0-9])?", fullmatch=True),
    st.from_regex(
        r"[0-9]{4}-[01][0-9]-[0-3][0-9]"
        r"([T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-][01][0-9](:?00)?)?)?",
        fullmatch=True,
    ),
)
FORMS = """
SELECT filter_text(value), filter_number(value) IS NOT NULL, filter_time(value) IS NOT NULL
FROM jsonb_array_elements(%s) WITH ORDINALITY AS item (value, place) ORDER BY place
"""


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(VALUES, min_size=2, max_size=40))
def test_values_that_the_database_takes_for_equal_have_one_form(database: Database, values: list[Any]) -> None:
    with database.transaction() as cursor:
        cursor.execute(FORMS, (json.dumps(values),))
        stored = cursor.fetchall()

    assert len({form for form, _, _ in stored if form is not None}) == len({value_form(v) for v in values} - {None})
    kinds = ["n" if number else "t" if time else None for _, number, time in stored]
    assert kinds == [None if (place := ordered(value)) is None else place[0] for value in values]


def test_objects_with_data_as_keys_stop_the_refusal_not_the_writing(database: Database) -> None:
    shelf = open_shelf(database, "skill_dic")
    shelf.add("word", payload={"name": "wide", "of": {f"user {n}": n for n in range(50)}})
    with database.transaction() as cursor:
        collect_fields(cursor, "skill_dic", {("of", f"user {n}") for n in range(MAX_FIELDS)})
    shelf.add("word", payload={"name": "last", "fresh": 1})

    request = {"query": "word", "domain": "skill_dic", "mode": "text"}
    found = search(database, SearchRequest.model_validate(request | {"where": "fresh=1"}), encoder=WordEncoder)

    assert [hit.payload["name"] for hit in found.hits] == ["last"]


def test_the_fields_of_a_forgotten_domain_are_forgotten(database: Database) -> None:
    shelf = open_shelf(database, "recruit")
    first = shelf.add("word", payload={"name": "a", "once": 1})
    shelf.add("word", payload={"name": "b"})
    request = SearchRequest.model_validate({"query": "word", "domain": "recruit", "mode": "text", "where": "once=1"})
    forget_ids(database, "recruit", [first])
    assert search(database, request, encoder=WordEncoder).hits == ()

    forget_all(database, "recruit")

    with pytest.raises(InvalidRequest, match="no row of domain recruit has the field 'once'"):
        search(database, request, encoder=WordEncoder)
