"""Filters as SQL. Fields and values are always bound parameters, and no value can fail a search."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product

from pc_worker.model.filter import AllOf, AnyOf, Condition, Filter, Not
from pc_worker.store.search.ranges import NUMBER, range_end
from pc_worker.store.search.terms import facet_term

Parameters = dict[str, object]

#: A field with more dots is read as one name and as a path of single names only.
MAX_MIXED_DOTS = 4

# `[*][*]` in jsonpath's lax mode: the value itself, or the items of an array, or those of arrays in it.
ITEMS = (
    "unnest(%({name}_paths)s::text[]) AS way (path), "
    "jsonb_path_query(r.payload, (way.path || '[*][*]')::jsonpath) AS item"
)
WHOLE = "unnest(%({name}_paths)s::text[]) AS way (path), jsonb_path_query(r.payload, way.path::jsonpath) AS item"
EQUAL = f"EXISTS (SELECT FROM {ITEMS} WHERE filter_text(item) = ANY(%({{name}}_values)s::text[]))"
NULL = (
    f"EXISTS (SELECT FROM {ITEMS} WHERE jsonb_typeof(item) = 'null') "
    f"OR NOT EXISTS (SELECT FROM {WHOLE} WHERE jsonb_typeof(item) <> 'null')"
)
NUMERIC = f"EXISTS (SELECT FROM {ITEMS} WHERE filter_number(item) {{operator}} %({{name}}_end)s::numeric)"
TEMPORAL = f"EXISTS (SELECT FROM {ITEMS} WHERE filter_time(item) {{operator}} %({{name}}_end)s::timestamptz)"


@dataclass(frozen=True, slots=True)
class Facets:
    """Terms that every row of a filter has; ``complete`` = a row with all of them meets the filter."""

    terms: list[int]
    complete: bool


def facets(domain: str, tree: Filter | None) -> Facets:
    """Return the facet terms that every row meeting ``tree`` has."""
    parts = () if tree is None else tree.parts if isinstance(tree, AllOf) else (tree,)
    terms = [_facet(domain, part) for part in parts]
    known = [term for term in terms if term is not None]
    return Facets(known, len(known) == len(parts))


def _facet(domain: str, part: Filter) -> int | None:
    if not isinstance(part, Condition) or part.operator != "=" or len(part.values) != 1 or "." in part.field:
        return None
    (value,) = part.values
    if value is None or NUMBER.fullmatch(value) or value.lower() in ("true", "false"):
        return None
    return facet_term(domain, part.field, value)


def where_sql(tree: Filter | None) -> tuple[str, Parameters]:
    """Return the SQL condition that a row ``r`` meets the filter, and its parameters."""
    if tree is None:
        return "true", {}
    values: Parameters = {}
    return _sql(tree, values), values


def _sql(tree: Filter, values: Parameters) -> str:
    match tree:
        case Condition():
            return _comparison(tree, values)
        case Not():
            return f"NOT {_sql(tree.part, values)}"
        case AllOf():
            return "(" + " AND ".join(_sql(part, values) for part in tree.parts) + ")"
        case AnyOf():
            return "(" + " OR ".join(_sql(part, values) for part in tree.parts) + ")"


def _comparison(condition: Condition, values: Parameters) -> str:
    name = f"where_{len(values)}"
    values[f"{name}_paths"] = paths(condition.field)
    if condition.operator in ("=", "!="):
        values[f"{name}_values"] = list(_texts(condition.values))
        equal = (EQUAL + (f" OR {NULL}" if None in condition.values else "")).format(name=name)
        return f"({equal})" if condition.operator == "=" else f"NOT ({equal})"
    end = range_end(condition)
    values[f"{name}_end"] = str(end) if isinstance(end, Decimal) else end
    return (NUMERIC if isinstance(end, Decimal) else TEMPORAL).format(name=name, operator=condition.operator)


def _texts(values: Sequence[str | None]) -> Iterator[str]:
    """Yield the forms in which ``filter_text`` returns equal values."""
    for value in values:
        if value is None:
            continue
        yield _digits(value) if NUMBER.fullmatch(value) else value
        if value.lower() in ("true", "false"):
            yield value.lower()


def _digits(number: str) -> str:
    """Return a number as PostgreSQL's ``trim_scale`` writes it.

    >>> [_digits(text) for text in ("5.00", "-0", "1e3", "50", "2.50e-1")]
    ['5', '0', '1000', '50', '0.25']
    """
    text = format(Decimal(number), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def paths(field: str) -> list[str]:
    """Return the jsonpaths of a field: a dot is a part of a name, or reaches into an object.

    >>> paths("a.b")
    ['$."a.b"', '$."a"."b"']
    """
    names = field.split(".")
    if len(names) - 1 > MAX_MIXED_DOTS:
        return [_path([field]), _path(names)]
    return [_path(_joined(names, dots)) for dots in product(".\0", repeat=len(names) - 1)]


def _joined(names: Sequence[str], dots: Sequence[str]) -> list[str]:
    text = names[0] + "".join(dot + name for dot, name in zip(dots, names[1:], strict=True))
    return text.split("\0")


def _path(names: Sequence[str]) -> str:
    return "$" + "".join("." + json.dumps(name) for name in names)
