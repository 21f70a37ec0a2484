"""Filters that leave few rows: find these rows through the index first, and search only them.

Facets and intervals of values find the rows of a filter, or some more; each one is compared with its payload. How many
rows a filter leaves is estimated from a sample of rows, which is the same for every page: all are searched in one way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import sqrt
from typing import Literal

from pc_worker.model.filter import AllOf, AnyOf, Condition, Filter
from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.filters.facets import facet, intervals, rest, several
from pc_worker.store.search.filters.ranges import range_end
from pc_worker.store.search.filters.sql import Parameters, RowFilter, some_part_sql, texts, tree_sql
from pc_worker.store.search.scope import Scope
from pc_worker.store.search.values import EPOCH_UTC, MICROSECOND, Kind, ordered_bits, value_form

#: Rows of the sample, and the fewest that allow an estimate.
SAMPLE_ROWS, MIN_SAMPLE = 1_000, 200
#: The most rows that are searched one by one; comparing them all takes about 0.1 s.
MAX_ROWS = 10_000
#: Rows that are compared in the time of visiting one neighbour, for a list of 20.
NEIGHBOURS = 8 * 20
#: Terms of one part at most: the index looks each one up.
MAX_TERMS = 4_000
#: A filter that the index does not know and that leaves at most this share is answered by comparing all rows once: the
#: vector index would visit 20,000 neighbours in vain, and then all rows would be compared for each list.
SCANNED_SHARE = 0.002
LOWEST, HIGHEST = 0, 2**64 - 1
RANGES = ("<", "<=", ">", ">=")

# A sample of pages, so the rows of one page are in it together. It repeats as long as the table is unchanged.
SAMPLE = """
SELECT count(*), {counts} FROM rows r TABLESAMPLE SYSTEM (%(percent)s) REPEATABLE (1) WHERE r.domain = %(domain)s
"""
# The terms first, by their index: the planner knows neither how many rows they leave nor what a payload costs. The hash
# of a term contains the domain; with a condition on the domain another index could be chosen. `OFFSET 0` keeps the
# lookup of each row by its key; otherwise all payloads of the domain could be compared.
ROWS = """
WITH possible AS MATERIALIZED (
    SELECT row_id FROM row_terms WHERE terms && %(terms)s::integer[])
SELECT r.row_id FROM possible CROSS JOIN LATERAL (
    SELECT row_id, payload FROM rows WHERE domain = %(domain)s AND row_id = possible.row_id OFFSET 0) AS r
WHERE {where} LIMIT %(limit)s
"""
SCAN = "SELECT r.row_id FROM rows r WHERE r.domain = %(domain)s AND {where} LIMIT %(limit)s"
INDEX_ONLY = "SET LOCAL enable_seqscan = off"
ANY_PLAN = "SET LOCAL enable_seqscan = on"


@dataclass(frozen=True, slots=True)
class FilterPart:
    """A part of a filter that its rows are found by: what must hold, and the terms of which each row has one."""

    tree: Filter
    terms: list[int]


def narrowed(cursor: Cursor, scope: Scope) -> Scope:
    """Return the scope of the filter's rows by their ids if these are few, else the scope unchanged."""
    if scope.filter is None or scope.filter.complete:
        return scope
    parts = filter_parts(scope.profile.domain, scope.filter.tree) if scope.filter.indexed else []
    way = _way(cursor, scope, scope.filter, parts)
    if way is None:
        return scope
    cursor.execute(*(scan_of(scope) if way == "scan" else part_statement(scope, way)))
    ids = [row_id for (row_id,) in cursor.fetchall()]
    cursor.execute(ANY_PLAN)
    return scope if len(ids) > MAX_ROWS else replace(scope, only=tuple(sorted(ids)))


def part_statement(scope: Scope, part: FilterPart) -> tuple[str, Parameters]:
    """Return the statement that selects the ids of a filter's rows by one of its parts, and its parameters."""
    terms = [*part.terms, rest(scope.profile.domain)]
    values = scope.parameters | {"terms": terms, "limit": MAX_ROWS + 1}
    return f"{INDEX_ONLY};{ROWS.format(where=scope.where)}", values


def scan_of(scope: Scope) -> tuple[str, Parameters]:
    """Return the statement that selects the ids of a filter's rows by comparing all rows, and its parameters."""
    return SCAN.format(where=scope.where), scope.parameters | {"limit": MAX_ROWS + 1}


def _way(
    cursor: Cursor, scope: Scope, row_filter: RowFilter, parts: Sequence[FilterPart]
) -> FilterPart | Literal["scan"] | None:
    """Return how the rows of a filter are found faster than by visiting neighbours: by a part, by a scan, or not."""
    collection = scope.profile.collection
    rows = 0 if collection is None else collection.documents
    if rows <= SAMPLE_ROWS:
        return next(iter(parts), None)
    seen, left, counts = _sample(cursor, scope, row_filter, parts, rows)
    if seen < MIN_SAMPLE:
        return next(iter(parts), None)
    fewest, best = min(zip(counts, parts, strict=True), key=lambda pair: pair[0], default=(seen, None))
    if best is not None and rows * fewest / seen <= min(MAX_ROWS, sqrt(NEIGHBOURS * rows)):
        return best
    return "scan" if left <= SCANNED_SHARE * seen else None


def _sample(
    cursor: Cursor, scope: Scope, row_filter: RowFilter, parts: Sequence[FilterPart], rows: int
) -> tuple[int, int, list[int]]:
    """Return the rows of the sample, how many of them meet the filter, and how many meet each of its parts."""
    values = scope.parameters | {"percent": min(100.0, 100.0 * SAMPLE_ROWS / rows)}
    wheres = [scope.where, *(_part_where(scope, part, row_filter, values) for part in parts)]
    counts = ", ".join(f"count(*) FILTER (WHERE {where})" for where in wheres)
    cursor.execute(SAMPLE.format(counts=counts), values)
    seen, left, *kept = cursor.fetchone() or (0, 0)
    return seen, left, kept


def _part_where(scope: Scope, part: FilterPart, row_filter: RowFilter, values: Parameters) -> str:
    condition = tree_sql(part.tree, row_filter.paths, values)
    return some_part_sql(condition) if scope.profile.joined else condition


def filter_parts(domain: str, tree: Filter) -> list[FilterPart]:
    """Return the parts of a filter that the index knows; all of them hold for a row. The most selective kinds first."""
    parts = [FilterPart(part, terms) for part in _joined(tree) if (terms := _terms(domain, part)) is not None]
    return sorted(parts, key=lambda part: len(part.terms))


def _joined(tree: Filter) -> list[Filter]:
    """Return the parts that all hold, with the ranges of one field as one part."""
    found: list[Filter] = []
    ranges: dict[tuple[str, Kind], list[Condition]] = {}
    for part in _flat(tree):
        if isinstance(part, Condition) and part.operator in RANGES:
            ranges.setdefault((part.field, _end(part)[0]), []).append(part)
        else:
            found.append(part)
    return found + [AllOf(tuple(group)) for group in ranges.values()]


def _flat(tree: Filter) -> Iterator[Filter]:
    if not isinstance(tree, AllOf):
        yield tree
        return
    for part in tree.parts:
        yield from _flat(part)


def _terms(domain: str, tree: Filter) -> list[int] | None:
    """Return terms of which every row that meets ``tree`` has one, but for rows of `rest`; None if there are none."""
    match tree:
        case Condition(operator="="):
            return _equal_terms(domain, tree)
        case AllOf(parts) if all(isinstance(part, Condition) and part.operator in RANGES for part in parts):
            return _range_terms(domain, [part for part in parts if isinstance(part, Condition)])
        case AllOf():
            return min((part.terms for part in filter_parts(domain, tree)), key=len, default=None)
        case AnyOf(parts):
            each = [_terms(domain, _one(part)) for part in parts]
            known = [term for terms in each if terms is not None for term in terms]
            return known if None not in each and len(known) <= MAX_TERMS else None
    return None


def _one(part: Filter) -> Filter:
    return AllOf((part,)) if isinstance(part, Condition) and part.operator in RANGES else part


def _equal_terms(domain: str, condition: Condition) -> list[int] | None:
    forms = {value_form(text) for text in texts(condition.values)}
    terms = [None if form is None else facet(domain, condition.field, form) for form in sorted(filter(None, forms))]
    unknown = None in condition.values or None in forms or "" in forms
    return None if unknown or None in terms else [term for term in terms if term is not None]


def _range_terms(domain: str, group: Sequence[Condition]) -> list[int]:
    """Return the terms of a range of one field, and that of rows with several values of it."""
    low, high = LOWEST, HIGHEST
    for condition in group:
        _, bits = _end(condition)
        low, high = (max(low, bits), high) if condition.operator in (">", ">=") else (low, min(high, bits))
    name, (kind, _) = group[0].field, _end(group[0])
    return [several(domain, name), *(intervals(domain, name, kind, low, high) if low <= high else ())]


def _end(condition: Condition) -> tuple[Kind, int]:
    end = range_end(condition)
    if isinstance(end, Decimal):
        return "n", ordered_bits(float(end))
    return "t", ordered_bits(float((end - EPOCH_UTC) // MICROSECOND))
