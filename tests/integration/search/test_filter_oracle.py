"""Random filters on a real server against an oracle in Python that knows only the rules of the contract."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as each_of
from hypothesis import strategies as st

from pc_worker.model.filter import Condition
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.db.connection import Database
from pc_worker.store.search import narrowing
from pc_worker.store.search.statistics import refresh_statistics
from tests.integration.search.shelf import Shelf, WordEncoder, open_shelf

PLAIN: list[Any] = [
    *(None, True, False, 0, 5, -5, 2.5, 10**30, 1e-9, "", "x", "Xy", "5", "5.00", "007", "true", "KR", "5 kg"),
    *("2024-05-01", "2024-05-01T09:00:00+09:00", "2024-05-02 10:30", "2024-13-45"),
]
VALUES: list[Any] = [*PLAIN, [], [5, "x"], [[1, 7], None], [None], {}, {"b": 5}, [{"b": "x"}, {"b": [6, None]}]]
FIELDS = ("a", "a.b", "c", "c.d")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?")
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}
PARTS = ("contains", "starts", "ends")
ENDS = ["5", "-5", "2.5", "0", "1e29", "2024-05-01", "2024-05-02T00:00:00Z"]


def payloads() -> list[dict[str, Any]]:
    """Return payloads with each value in each place, and with none."""
    found: list[dict[str, Any]] = [{}]
    for place, value in enumerate(VALUES):
        found += [{"a": value, "c": VALUES[-place]}, {"a": {"b": value}}, {"c": {"d": value}}]
    return [{"name": str(number), **payload} for number, payload in enumerate(found)]


PAYLOADS = payloads()


@pytest.fixture(scope="module")
def shelf(database: Database) -> Shelf:
    shelf = open_shelf(database, "document")
    shelf.add_all(["word"] * len(PAYLOADS), payloads=PAYLOADS)
    refresh_statistics(database, "document")
    return shelf


def reached(payload: Any, names: list[str]) -> Iterator[Any]:
    """Yield the values that a path reaches; it goes through one array on each step."""
    if not names:
        yield payload
        return
    for value in payload if isinstance(payload, list) else [payload]:
        if isinstance(value, dict) and names[0] in value:
            yield from reached(value[names[0]], names[1:])


def items(value: Any, depth: int = 2) -> Iterator[Any]:
    """Yield a value, or the items of an array and of arrays in it."""
    if isinstance(value, list) and depth:
        for item in value:
            yield from items(item, depth - 1)
    else:
        yield value


def number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return Decimal(str(value)) if NUMBER.fullmatch(str(value)) else None


def time(value: Any) -> datetime | None:
    if not isinstance(value, str) or not re.match("[0-9]{4}-", value):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def form(value: Any) -> Any:
    if isinstance(value, list | dict) or value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    plain = number(value)
    return time(value) or (str(value) if plain is None else plain)


def holds(payload: dict[str, Any], where: dict[str, Any]) -> Any:
    """Return whether a payload meets a filter."""
    if "field" not in where:
        ((kind, parts),) = where.items()
        met = [holds(payload, part) for part in parts]
        return {"and": all, "or": any}[kind](met) if kind != "not" else not all(met)
    whole = list(reached(payload, where["field"].split(".")))
    values = [item for value in whole for item in items(value)]
    operator, given = where["op"], where["value"]
    if operator in ORDERS:
        read: Callable[[Any], Any] = number if number(given) is not None else time
        end = read(given)
        if read is time and len(given) == 10 and operator in ("<=", ">"):
            end = end.replace(hour=23, minute=59, second=59, microsecond=999_999)
        return any(ORDERS[operator](read(value), end) for value in values if read(value) is not None)
    if operator in PARTS:
        texts = [form_text(value).lower() for value in values if not isinstance(value, list | dict | None)]
        part = given.lower()
        return any(
            {"contains": part in t, "starts": t.startswith(part), "ends": t.endswith(part)}[operator] for t in texts
        )
    wanted = given if isinstance(given, list) else [given]
    equal = any(form(value) == form(one) for value in values for one in wanted if form(value) is not None)
    null = None in wanted and (None in values or all(value is None for value in whole))
    return (equal or null) != (operator == "!=")


def form_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else format(Decimal(str(value)), "f")


CONDITIONS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(dict, field=st.sampled_from(FIELDS), op=st.sampled_from(["=", "!="]), value=st.sampled_from(PLAIN)),
    st.builds(
        dict, field=st.sampled_from(FIELDS), op=st.just("in"), value=st.lists(st.sampled_from(PLAIN), max_size=3)
    ),
    st.builds(dict, field=st.sampled_from(FIELDS), op=st.sampled_from(sorted(ORDERS)), value=st.sampled_from(ENDS)),
    st.builds(
        dict,
        field=st.sampled_from(FIELDS),
        op=st.sampled_from(PARTS),
        value=st.sampled_from(["x", "5", "Y", "tr", "00"]),
    ),
)
TREES = st.recursive(
    CONDITIONS,
    lambda parts: st.builds(
        lambda kind, found: {kind: found},
        st.sampled_from(["and", "or", "not"]),
        st.lists(parts, min_size=1, max_size=3),
    ),
    max_leaves=5,
)


def asked(where: dict[str, Any]) -> Any:
    """Return a filter as a request has it; comparisons with a part of a text come from the shapes of other products."""
    if "field" not in where:
        return {kind: [asked(part) for part in parts] for kind, parts in where.items()}
    return Condition(where["field"], where["op"], (where["value"],)) if where["op"] in PARTS else where


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@each_of(TREES, st.sampled_from(["text", "vector", "hybrid"]), st.sampled_from(["sample", "scan", "compare"]))
def test_a_filter_finds_what_the_oracle_finds(shelf: Shelf, where: dict[str, Any], mode: str, way: str) -> None:
    """Each filter is answered in each way that a large domain would use."""
    request = SearchRequest.model_validate(
        {"query": "word", "domain": "document", "mode": mode, "k": 100, "where": asked(where)}
    )
    with pytest.MonkeyPatch.context() as patch:
        if way != "sample":
            patch.setattr(narrowing, "_way", lambda *_: "scan" if way == "scan" else None)
        found = {hit.payload["name"] for hit in search(shelf.database, request, encoder=WordEncoder).hits}

    assert found == {payload["name"] for payload in PAYLOADS if holds(payload, where)}
