"""Filters that leave few rows: find these rows through the index first, and search only them.

Facets and intervals of values find the rows of a filter, or some more; each one is compared with its payload. How many
rows a filter leaves is estimated from a sample of rows, which is the same for every page: all are searched in one way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import sqrt

from pc_worker.model.filter import AllOf, AnyOf, Condition, Filter
from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.facets import facet, intervals, rest, several
from pc_worker.store.search.filters import Parameters, texts, tree_sql
from pc_worker.store.search.ranges import range_end
from pc_worker.store.search.scope import Scope
from pc_worker.store.search.values import EPOCH_UTC, MICROSECOND, Kind, ordered_bits, value_form

#: Rows of the sample, and the fewest that allow an estimate.
SAMPLE_ROWS, LEAST_SAMPLE = 1_000, 200
#: The most rows that are searched one by one; comparing them all takes about 0.1 s.
MOST_ROWS = 10_000
#: Rows that are compared in the time of visiting one neighbour, for a list of 20.
NEIGHBOURS = 8 * 20
#: Terms of one part at most: the index looks each one up.
MOST_TERMS = 4_000
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
INDEX_ONLY = "SET LOCAL enable_seqscan = off"
ANY_PLAN = "SET LOCAL enable_seqscan = on"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a filter that its rows are found by: what must hold, and the terms of which each row has one."""

    tree: Filter
    terms: list[int]


def narrowed(cursor: Cursor, scope: Scope) -> Scope:
    """Return the scope of the filter's rows by their ids if these are few, else the scope unchanged."""
    if scope.filter is None or scope.filter.complete or not scope.filter.indexed:
        return scope
    part = _best_part(cursor, scope, parts_of(scope.profile.domain, scope.filter.tree))
    if part is None:
        return scope
    cursor.execute(*rows_of(scope, part))
    ids = [row_id for (row_id,) in cursor.fetchall()]
    cursor.execute(ANY_PLAN)
    return scope if len(ids) > MOST_ROWS else replace(scope, only=tuple(sorted(ids)))


def rows_of(scope: Scope, part: Part) -> tuple[str, Parameters]:
    """Return the statement that selects the ids of a filter's rows by one of its parts, and its parameters."""
    terms = [*part.terms, rest(scope.profile.domain)]
    values = scope.parameters | {"terms": terms, "limit": MOST_ROWS + 1}
    return f"{INDEX_ONLY};{ROWS.format(where=scope.where)}", values


def _best_part(cursor: Cursor, scope: Scope, parts: Sequence[Part]) -> Part | None:
    """Return the part that leaves fewest rows, if comparing these is faster than visiting neighbours."""
    collection = scope.profile.collection
    rows = 0 if collection is None else collection.documents
    if rows <= SAMPLE_ROWS or not parts or scope.filter is None:
        return next(iter(parts), None)
    values: Parameters = {"domain": scope.profile.domain, "percent": min(100.0, 100.0 * SAMPLE_ROWS / rows)}
    kept = [f"count(*) FILTER (WHERE {tree_sql(part.tree, scope.filter.paths, values)})" for part in parts]
    cursor.execute(SAMPLE.format(counts=", ".join(kept)), values)
    seen, *counts = cursor.fetchone() or (0,)
    if seen < LEAST_SAMPLE:
        return parts[0]
    fewest, best = min(zip(counts, parts, strict=True), key=lambda pair: pair[0])
    return best if rows * fewest / seen <= min(MOST_ROWS, sqrt(NEIGHBOURS * rows)) else None


def parts_of(domain: str, tree: Filter) -> list[Part]:
    """Return the parts of a filter that the index knows; all of them hold for a row. The most selective kinds first."""
    parts = [Part(part, terms) for part in _joined(tree) if (terms := _terms(domain, part)) is not None]
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
            return min((part.terms for part in parts_of(domain, tree)), key=len, default=None)
        case AnyOf(parts):
            each = [_terms(domain, _one(part)) for part in parts]
            known = [term for terms in each if terms is not None for term in terms]
            return known if None not in each and len(known) <= MOST_TERMS else None
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
