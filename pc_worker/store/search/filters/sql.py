"""Filters as SQL. Fields and values are always bound parameters, and no value can fail a search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pc_worker.model.filter import AllOf, AnyOf, Condition, Filter, Not, conditions
from pc_worker.model.joined import is_joined_name, rows_domain
from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.filters.facets import facet, rest
from pc_worker.store.search.filters.payload_fields import only_names, read_paths
from pc_worker.store.search.filters.ranges import range_end
from pc_worker.store.search.values import value_form
from pc_worker.store.search.words.splitting import FACET_RULES

Parameters = dict[str, object]
#: How numbers and times begin.
MAY_BE_NUMBER = "-0123456789"

# `[*][*]` in jsonpath's lax mode: the value itself, or the items of an array, or those of arrays in it.
ITEMS = (
    "unnest(%({name}_paths)s::text[]) AS way (path), "
    "jsonb_path_query(r.payload, (way.path || '[*][*]')::jsonpath) AS item"
)
WHOLE = "unnest(%({name}_paths)s::text[]) AS way (path), jsonb_path_query(r.payload, way.path::jsonpath) AS item"
# The array is computed once for a statement.
EQUAL = (
    f"EXISTS (SELECT FROM {ITEMS} WHERE filter_text(item) = ANY(ARRAY("
    "SELECT filter_text(to_jsonb(value)) FROM unnest(%({name}_values)s::text[]) AS value)))"
)
NULL = (
    f"EXISTS (SELECT FROM {ITEMS} WHERE jsonb_typeof(item) = 'null') "
    f"OR NOT EXISTS (SELECT FROM {WHOLE} WHERE jsonb_typeof(item) <> 'null')"
)
NUMERIC = f"EXISTS (SELECT FROM {ITEMS} WHERE filter_number(item) {{operator}} %({{name}}_end)s::numeric)"
TEMPORAL = f"EXISTS (SELECT FROM {ITEMS} WHERE filter_time(item) {{operator}} %({{name}}_end)s::timestamptz)"
#: With the text of the item and the part in lower case.
PARTS = {
    "contains": "strpos(lower(item #>> '{{}}'), lower(%({name}_part)s)) > 0",
    "starts": "starts_with(lower(item #>> '{{}}'), lower(%({name}_part)s))",
    "ends": "right(lower(item #>> '{{}}'), length(lower(%({name}_part)s))) = lower(%({name}_part)s)",
}

# Whether one of the rows `u` of a joined passage `r` meets a condition.
SOME_PART = """
EXISTS (SELECT FROM joined_parts j JOIN rows u ON u.domain = %(rows_domain)s AND u.row_id = j.row_id
        WHERE j.domain = %(domain)s AND j.joined_id = r.row_id AND {where})
"""

# The same comparisons with a plain value, without jsonpath, which takes most of the time. None may be null: NOT would
# leave it null.
PLAIN = (
    "CASE WHEN jsonb_typeof(r.payload #> %({name}_names)s::text[]) IN ('string', 'number', 'boolean') "
    "THEN {plain} {absent} ELSE {any} END"
)
# With one name the value is not in an array of objects: without it, the field is missing.
ABSENT = "WHEN coalesce(jsonb_typeof(r.payload #> %({name}_names)s::text[]), 'null') = 'null' THEN {null}"
#: What is neither a number nor a time has only one form.
PLAIN_TEXT = "r.payload #>> %({name}_names)s::text[] = ANY(%({name}_values)s::text[])"
PLAIN_EQUAL = (
    "(r.payload #>> %({name}_names)s::text[] = ANY(%({name}_values)s::text[]) OR "
    "coalesce(filter_text(r.payload #> %({name}_names)s::text[]) = ANY(ARRAY("
    "SELECT filter_text(to_jsonb(value)) FROM unnest(%({name}_values)s::text[]) AS value)), false))"
)
PLAIN_NUMERIC = """CASE jsonb_typeof(r.payload #> %({name}_names)s::text[]) WHEN 'boolean' THEN false
WHEN 'number' THEN length(r.payload #>> %({name}_names)s::text[]) <= 400
    AND (r.payload #> %({name}_names)s::text[])::numeric {operator} %({name}_end)s::numeric
ELSE coalesce(filter_number(r.payload #> %({name}_names)s::text[]) {operator} %({name}_end)s::numeric, false) END"""
PLAIN_TEMPORAL = (
    "coalesce(filter_time(r.payload #> %({name}_names)s::text[]) {operator} %({name}_end)s::timestamptz, false)"
)

# Whether rows of the domain have terms by older rules, and whether any lacks facets; the paths of the filter's fields,
# and the rows of its facets. Terms of many rows are counted. One statement: each round trip waits for a processor.
KNOWN = """
SELECT older, older OR EXISTS (SELECT FROM term_statistics WHERE domain = %(domain)s AND term = %(rest)s)
           OR EXISTS (SELECT FROM row_terms WHERE domain = %(domain)s AND terms @> ARRAY[%(rest)s::integer]),
    (SELECT json_object_agg(field, paths) FROM (
        SELECT field, array_agg(path ORDER BY path) AS paths FROM payload_fields
        WHERE domain = %(rows_domain)s AND field = ANY (%(fields)s) GROUP BY field) AS found),
    ARRAY(SELECT documents FROM term_statistics WHERE domain = %(domain)s AND term = ANY (%(facets)s::integer[]))
FROM (
    SELECT EXISTS (SELECT FROM search_statistics WHERE domain = %(domain)s AND oldest_rules < %(rules)s) AS older) AS s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFilter:
    """A filter that is ready for a domain.

    Attributes:
        tree: The comparisons.
        paths: The jsonpaths of each field.
        facets: Terms that every row of the filter has.
        facet_rows: The rows of those facets that are counted: facets of many rows.
        complete: Whether a row with all facets meets the filter.
        indexed: Whether every row of the domain has all terms of its payload, or the term of `rest`.
    """

    tree: Filter
    paths: Mapping[str, Sequence[str]]
    facets: Sequence[int] = ()
    facet_rows: Sequence[int] = ()
    complete: bool = False
    indexed: bool = False


def read_filter(cursor: Cursor, domain: str, tree: Filter | None) -> RowFilter | None:
    """Return the filter for the rows of a domain; None without a filter.

    A joined passage has the facets of all its rows: it may have all facets of a filter that none of its rows meets.

    Raises:
        InvalidRequest: If no row of the domain has a field of the filter.
    """
    if tree is None:
        return None
    parts = tree.parts if isinstance(tree, AllOf) else (tree,)
    terms = [_facet(domain, part) for part in parts]
    known = sorted({term for term in terms if term is not None})
    fields = sorted({condition.field for condition in conditions(tree)})
    asked = {"domain": domain, "rows_domain": rows_domain(domain), "rest": rest(domain), "rules": FACET_RULES}
    cursor.execute(KNOWN, asked | {"fields": fields, "facets": known})
    older, some_lack, collected, facet_rows = cursor.fetchone() or (True, True, None, [])
    paths = read_paths(cursor, rows_domain(domain), fields, collected or {})
    if some_lack:
        return RowFilter(tree=tree, paths=paths, indexed=not older)
    complete = None not in terms and (len(parts) == 1 or not is_joined_name(domain))
    return RowFilter(tree=tree, paths=paths, facets=known, facet_rows=facet_rows, complete=complete, indexed=True)


def _facet(domain: str, part: Filter) -> int | None:
    if not isinstance(part, Condition) or part.operator != "=":
        return None
    forms = {value_form(text) for text in texts(part.values)} | ({None} if None in part.values else set())
    only = next(iter(forms)) if len(forms) == 1 else None
    return None if only is None else facet(domain, part.field, only)


def some_part_sql(condition: str) -> str:
    """Return the SQL condition that one row of a joined passage ``r`` meets a condition on a row ``r``."""
    return SOME_PART.format(where=condition.replace("r.payload", "u.payload"))


def where_sql(found: RowFilter | None) -> tuple[str, Parameters]:
    """Return the SQL condition that a row ``r`` meets the filter, and its parameters."""
    if found is None:
        return "true", {}
    values: Parameters = {}
    return tree_sql(found.tree, found.paths, values), values


def tree_sql(tree: Filter, paths: Mapping[str, Sequence[str]], values: Parameters) -> str:
    """Return a part of a filter as SQL; add its parameters to ``values``."""
    match tree:
        case Condition():
            return _comparison(tree, paths[tree.field], values)
        case Not():
            return f"NOT {tree_sql(tree.part, paths, values)}"
        case AllOf():
            return "(" + " AND ".join(tree_sql(part, paths, values) for part in tree.parts) + ")"
        case AnyOf():
            return "(" + " OR ".join(tree_sql(part, paths, values) for part in tree.parts) + ")"


def _comparison(condition: Condition, paths: Sequence[str], values: Parameters) -> str:
    name = f"where_{len(values)}"
    values[f"{name}_paths"] = list(paths)
    plain, any_value = _ways(condition, name, values)
    names = only_names(condition.field, paths)
    if names is not None:
        values[f"{name}_names"] = names
        null = str(condition.operator in ("=", "!=") and None in condition.values).lower()
        absent = ABSENT.format(name=name, null=null) if len(names) == 1 else ""
        any_value = f"({PLAIN.format(name=name, plain=plain, absent=absent, any=any_value)})"
    return f"NOT {any_value}" if condition.operator == "!=" else any_value


def _ways(condition: Condition, name: str, values: Parameters) -> tuple[str, str]:
    """Return the comparison with a plain value, and that with any value of the field."""
    if condition.operator in ("=", "!="):
        values[f"{name}_values"] = list(texts(condition.values))
        equal = (EQUAL + (f" OR {NULL}" if None in condition.values else "")).format(name=name)
        several_forms = any(text[:1] in MAY_BE_NUMBER for text in texts(condition.values))
        return (PLAIN_EQUAL if several_forms else PLAIN_TEXT).format(name=name), f"({equal})"
    if condition.operator in PARTS:
        values[f"{name}_part"] = condition.values[0]
        part = PARTS[condition.operator].format(name=name)
        plain = part.replace("item #>> '{}'", f"r.payload #>> %({name}_names)s::text[]")
        scalar = "jsonb_typeof(item) IN ('string', 'number', 'boolean')"  # what contains values has no text
        return plain, f"EXISTS (SELECT FROM {ITEMS.format(name=name)} WHERE {scalar} AND {part})"
    end = range_end(condition)
    values[f"{name}_end"] = str(end) if isinstance(end, Decimal) else end
    both = (PLAIN_NUMERIC, NUMERIC) if isinstance(end, Decimal) else (PLAIN_TEMPORAL, TEMPORAL)
    plain, any_value = (way.format(name=name, operator=condition.operator) for way in both)
    return plain, any_value


def texts(values: Sequence[str | None]) -> Iterator[str]:
    """Yield the texts that mean one of ``values``: Python's True is JSON's true."""
    for value in values:
        if value is not None:
            yield value
            if value.lower() in ("true", "false") and value != value.lower():
                yield value.lower()
