"""Filters that leave few rows: the index finds these, and every search of them is the same as without it."""

from __future__ import annotations

from typing import Any

import pytest

from pc_worker.model.filter import Condition
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.db.connection import Database
from pc_worker.store.search import narrowing
from pc_worker.store.search.filters.sql import read_filter
from pc_worker.store.search.filters.where import read_where
from pc_worker.store.search.scope import Scope, begin_search
from pc_worker.store.search.statistics import refresh_statistics
from tests.integration.search.shelf import Shelf, WordEncoder, open_shelf

COUNT = 1_500


def payload(n: int) -> dict[str, Any]:
    return {
        "n": n if n % 3 else str(n),
        "at": f"20{n % 100:02}-0{1 + n % 9}-11T0{n % 10}:00:00",
        "price": n / 7 - 50,
        "sizes": [n % 5, n],
        "kind": f"k{n % 500}",
        "of": {"deep": n % 100},
    }


@pytest.fixture(scope="module")
def shelf(database: Database) -> Shelf:
    shelf = open_shelf(database, "document")
    shelf.add_all([f"word w{n % 7}" for n in range(COUNT)], payloads=[payload(n) for n in range(COUNT)])
    refresh_statistics(database, "document")
    return shelf


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this domain large enough to be sampled."""
    monkeypatch.setattr(narrowing, "SAMPLE_ROWS", 1_000)
    monkeypatch.setattr(narrowing, "MIN_SAMPLE", 50)
    monkeypatch.setattr(narrowing, "SCANNED_SHARE", 0.005)


def scope_of(database: Database, where: Any) -> tuple[Scope, Scope]:
    """Return the scope of a filter, as it is and narrowed."""
    with database.transaction() as cursor:
        profile = begin_search(cursor, "document")
        assert profile is not None
        scope = Scope(profile=profile, filter=read_filter(cursor, "document", read_where(where)))
        return scope, narrowing.narrowed(cursor, scope)


NARROWED = [
    ("n>=1490", 10),
    (["n>=700", "n<720"], 20),
    ("n<0", 0),
    (["n>5", "n<3"], 0),
    ("price>163.8", 3),
    (["n>=100", "kind=k7", "n<1000"], 1),
    ({"and": ["n>=0", "kind=k7,k8"]}, 6),
    ({"or": ["n<2", "n=1400", {"and": ["n>=10", "n<=11"]}]}, 5),
    (["of.deep=42", "n>3"], 15),
    (["at>=2099-01-01", "n>0"], 15),
    (["at>=2040-01-01", "at<=2040-12-31"], 15),
    (["sizes>=1498", "sizes<3"], 0),
    (["sizes>=1495", "sizes<=0"], 1),
    ({"field": "n", "op": "in", "value": []}, 0),
]


#: The index knows no rows of these, and few rows meet them.
SCANNED = [
    ({"not": "n<1498"}, 2),
    ({"not": {"or": ["n<700", "n>=702"]}}, 2),
    ("n=null", 0),
    (["of.deep!=0", {"not": "n>0"}], 0),
    ({"not": "at<2099-09-09"}, 1),
    ({"or": ["n=3,8", {"not": "n>=0"}]}, 2),
    (Condition("kind", "ends", ("K499",)), 3),
    ({"and": [{"not": Condition("kind", "contains", ("k",))}, "n>=0"]}, 0),
]


@pytest.mark.parametrize(("where", "rows"), NARROWED)
def test_few_rows_are_found_by_the_index(shelf: Shelf, sampled: None, where: Any, rows: int) -> None:
    _, narrow = scope_of(shelf.database, where)

    assert narrow.only is not None
    assert len(narrow.only) == rows


@pytest.mark.parametrize(("where", "rows"), SCANNED)
def test_few_rows_that_the_index_does_not_know_are_found_by_one_scan(
    shelf: Shelf, sampled: None, where: Any, rows: int
) -> None:
    _, narrow = scope_of(shelf.database, where)

    assert narrow.only is not None
    assert len(narrow.only) == rows


@pytest.mark.parametrize("where", [SCANNED[0][0], NARROWED[0][0]])
def test_few_rows_whose_terms_are_of_older_rules_are_found_by_one_scan(
    shelf: Shelf, sampled: None, monkeypatch: pytest.MonkeyPatch, where: Any
) -> None:
    monkeypatch.setattr("pc_worker.store.search.filters.sql.FACET_RULES", 10_000)
    scope, narrow = scope_of(shelf.database, {"and": [where, "n>=1498"]})

    assert scope.filter is not None
    assert not scope.filter.indexed
    assert narrow.only is not None
    assert len(narrow.only) == 2


@pytest.mark.parametrize("where", ["n>=300", "n!=5", {"not": "n<1400"}, ["n>=100", "n<1400"], "kind=k7"])
def test_other_filters_leave_the_scope_as_it_is(shelf: Shelf, sampled: None, where: Any) -> None:
    """Many rows, rows that the index does not know, and what the facets alone decide."""
    scope, narrow = scope_of(shelf.database, where)

    assert narrow == scope


@pytest.mark.parametrize("where", [where for where, _ in NARROWED + SCANNED])
@pytest.mark.parametrize("mode", ["text", "vector", "hybrid"])
def test_a_narrowed_search_has_the_same_hits(
    shelf: Shelf, sampled: None, monkeypatch: pytest.MonkeyPatch, where: Any, mode: str
) -> None:
    request = SearchRequest.model_validate(
        {"query": "word w3", "domain": "document", "mode": mode, "k": 12, "offset": 2, "where": where}
    )
    narrow = search(shelf.database, request, encoder=WordEncoder).hits

    monkeypatch.setattr("pc_worker.services.search.search.narrowed", lambda _cursor, scope: scope)

    assert search(shelf.database, request, encoder=WordEncoder).hits == narrow


@pytest.mark.parametrize("where", ["n>=1490", ["at>=2040-01-01", "at<2041-01-01"], {"or": ["n<2", "price>160"]}])
def test_a_range_uses_the_index(shelf: Shelf, where: Any) -> None:
    statements: list[str] = []
    with shelf.database.transaction() as cursor:
        profile = begin_search(cursor, "document")
        assert profile is not None
        scope = Scope(profile=profile, filter=read_filter(cursor, "document", read_where(where)))

        def explained(statement: str, values: Any) -> None:
            head, _, last = statement.partition(";")
            cursor.execute(head)
            cursor.execute(f"EXPLAIN {last}", values)
            statements.extend(line for (line,) in cursor.fetchall())

        assert scope.filter is not None
        (part,) = narrowing.filter_parts("document", scope.filter.tree)
        explained(*narrowing.part_statement(scope, part))

    plan = "\n".join(statements)
    assert "Bitmap Index Scan on row_terms_any" in plan
    assert "Seq Scan" not in plan
