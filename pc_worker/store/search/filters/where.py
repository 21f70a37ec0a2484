"""Read filters: texts like ``size>=5`` of the command line, and JSON trees of and, or, not and {field, op, value}."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pc_worker.errors import InvalidRequest
from pc_worker.model.filter import AllOf, AnyOf, Condition, Filter, Not, Operator, conditions
from pc_worker.store.db.connection import is_storable
from pc_worker.store.search.filters.ranges import NotARange, range_end

#: More than a search needs; each comparison is evaluated for each candidate.
MAX_CONDITIONS = 64
#: More filters than this are not counted.
MAX_COUNTED = 1_000
#: Characters of one condition as text, of a field's name, and of a value.
MAX_CONDITION_CHARS = 4_096
#: Values of all comparisons together.
MAX_VALUES = 1_000
#: Levels of and, or and not.
MAX_DEPTH = 32

# A field in quotes may hold any character, `""` is one quote; without quotes it ends at the first operator.
CONDITION = re.compile(
    r'(?:"(?P<quoted>(?:[^"]|"")*)"\s*|(?P<field>(?:[^=<>!~"]|![^=~<>])(?:[^=<>!~]|![^=~<>])*))'
    r"(?P<operator>[=<>!~]+)(?P<value>.*)",
    re.DOTALL,
)
FORMS = "FIELD=VALUE, FIELD=A,B, FIELD!=VALUE, FIELD>VALUE, FIELD>=VALUE, FIELD<VALUE or FIELD<=VALUE"
OPERATORS: dict[str, Operator] = {"=": "=", "!=": "!=", ">": ">", ">=": ">=", "<": "<", "<=": "<="}
NAMED: dict[str, Operator] = {"eq": "=", "ne": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "in": "="}
MEANT = {
    "==": "=",
    "===": "=",
    "=>": ">=",
    "=<": "<=",
    "<>": "!=",
    "=!": "!=",
    "!==": "!=",
    "~=": "=",
    "=~": "=",
    "~": "=",
}
JOINS = ("and", "or", "not")


def parse_where(texts: Sequence[str]) -> Filter | None:
    """Return the filter that all conditions hold; None without conditions.

    Raises:
        InvalidRequest: If a text is no condition or too long, or there are too many.
    """
    return read_where(list(texts))


def read_where(value: object) -> Filter | None:
    """Return the filter that a request's ``where`` means: a text, a tree, or an array of them, which must all hold.

    Raises:
        InvalidRequest: If it is none of these, or over a limit.
    """
    items = value if isinstance(value, list | tuple) else [] if value is None else [value]
    if len(items) > MAX_CONDITIONS:
        raise _too_many(len(items))
    parts = tuple(_read(item, depth=0) for item in items)
    _check_number(parts)
    return AllOf(parts) if len(parts) > 1 else next(iter(parts), None)


def _read(item: object, *, depth: int) -> Filter:
    if depth > MAX_DEPTH:
        raise InvalidRequest(f"the filter is nested more than {MAX_DEPTH} levels deep")
    match item:
        case Condition() | AllOf() | AnyOf() | Not():
            return item
        case str():
            return _parse(item)
        case Mapping():
            return _read_object(item, depth)
    raise InvalidRequest(
        f"filter {_shown(item)} is neither text nor an object: use FIELD=VALUE, {{field, op, value}}, and, or, not"
    )


def _read_object(item: Mapping[Any, Any], depth: int) -> Filter:
    joins = [name for name in JOINS if name in item]
    if not joins:
        return _read_comparison(item)
    if len(item) > 1:
        raise InvalidRequest(f"a filter with {joins[0]!r} has no other key, such as {_other(item, joins[0])!r}")
    (name,) = joins
    parts = item[name] if isinstance(item[name], list | tuple) else [item[name]]
    if not parts or (name != "not" and not isinstance(item[name], list | tuple)):
        raise InvalidRequest(f"the filter's {name!r} needs an array of filters")
    if len(parts) > MAX_CONDITIONS:
        raise _too_many(len(parts))
    read = tuple(_read(part, depth=depth + 1) for part in parts)
    joined: Filter = AnyOf(read) if name == "or" else AllOf(read) if len(read) > 1 else read[0]
    return Not(joined) if name == "not" else joined


def _other(item: Mapping[Any, Any], join: str) -> str:
    return next(str(key)[:80] for key in item if key != join)


def _read_comparison(item: Mapping[Any, Any]) -> Condition:
    if unknown := [key for key in item if key not in ("field", "op", "value")]:
        raise InvalidRequest(
            f"a filter has {{field, op, value}}, or and, or, not: there is no {str(unknown[0])[:80]!r}"
        )
    if missing := [name for name in ("field", "op", "value") if name not in item]:
        raise InvalidRequest(f"filter {_shown(dict(item))} lacks {missing[0]!r}")
    field, name, value = item["field"], item["op"], item["value"]
    if not isinstance(field, str) or not isinstance(name, str):
        raise InvalidRequest(f"filter {_shown(dict(item))}: field and op are texts")
    operator = _operator(name, OPERATORS | NAMED)
    if isinstance(value, list | tuple) != (name == "in"):
        raise InvalidRequest(f"filter on {field[:80]!r}: op in has an array of values, every other op has one value")
    values = tuple(_scalar(field, one) for one in (value if name == "in" else [value]))
    return _checked(Condition(field, operator, values))


def _scalar(field: str, value: object) -> str | None:
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return _digits(field, value)
        case float() if math.isfinite(value):
            return repr(value)
    raise InvalidRequest(f"filter on {field[:80]!r}: {_shown(value)} is neither text, a number, true, false nor null")


def _digits(field: str, value: int) -> str:
    if value.bit_length() > 4 * MAX_CONDITION_CHARS:
        raise _too_long(field)
    return str(value)


def _operator(name: str, known: Mapping[str, Operator]) -> Operator:
    if name in known:
        return known[name]
    near = MEANT.get(name) or next(iter(get_close_matches(name.lower(), known, n=1, cutoff=0)), "=")
    raise InvalidRequest(f"there is no operator {name[:20]!r}; did you mean {near!r}? There are {', '.join(known)}")


def _parse(text: str) -> Condition:
    if len(text) > MAX_CONDITION_CHARS:
        raise InvalidRequest(f"filter {text[:40]!r}… has {len(text):,} characters: it may have {MAX_CONDITION_CHARS:,}")
    match = CONDITION.fullmatch(text.strip())
    if match is None:
        raise InvalidRequest(f"filter {_shown(text)} is not {FORMS}")
    try:
        operator = _operator(match["operator"], OPERATORS)
    except InvalidRequest as exc:
        raise InvalidRequest(f'filter {_shown(text)}: {exc}; a value that begins so is quoted: FIELD="=5"') from exc
    field = match["field"].strip() if match["quoted"] is None else match["quoted"].replace('""', '"')
    return _checked(Condition(field, operator, tuple(_values(match["value"].strip(), operator))))


def _values(text: str, operator: Operator) -> Iterator[str | None]:
    """Yield the values of ``A,B`` in the form of CSV, and the whole text: a value may itself contain a comma."""
    if operator not in ("=", "!="):
        yield _unquoted(text)
        return
    try:
        items = next(csv.reader([text], skipinitialspace=True, strict=True), []) or [""]
    except csv.Error:  # quotes that are part of the value
        items = [text]
    quoted = text.startswith('"')
    if len(items) > 1 and not quoted:
        yield text
    for item in items:
        yield item if quoted else item.strip()
        if item == "null" and not quoted:
            yield None


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _checked(condition: Condition) -> Condition:
    field, values = condition.field, condition.values
    texts = [field, *(value for value in values if value is not None)]
    if not field.strip():
        raise InvalidRequest("a filter's field is empty")
    if any(len(text) > MAX_CONDITION_CHARS for text in texts):
        raise _too_long(field)
    if not all(is_storable(text) for text in texts):
        raise InvalidRequest(f"filter on {field[:80]!r} holds characters that no stored value can have")
    if condition.operator in (">", ">=", "<", "<="):
        _check_range(condition)
    return condition


def _too_long(field: str) -> InvalidRequest:
    return InvalidRequest(
        f"filter on {field[:80]!r}: a text or number has more than {MAX_CONDITION_CHARS:,} characters"
    )


def _too_many(number: int) -> InvalidRequest:
    counted = f"{number:,}" if number <= MAX_COUNTED else f"more than {MAX_COUNTED:,}"
    return InvalidRequest(f"{counted} filters are too many: a search may have {MAX_CONDITIONS}")


def _check_range(condition: Condition) -> None:
    try:
        range_end(condition)
    except NotARange as exc:
        text = f"{condition.field}{condition.operator}{condition.values[0]}"
        raise InvalidRequest(f"filter {_shown(text)}: a range ends at a number or an ISO 8601 date") from exc


def _check_number(parts: Sequence[Filter]) -> None:
    every = list(conditions(AllOf(tuple(parts))))
    if len(every) > MAX_CONDITIONS:
        raise _too_many(len(every))
    if (values := sum(len(one.values) for one in every)) > MAX_VALUES:
        raise InvalidRequest(f"the filters have {values:,} values: a search may have {MAX_VALUES:,}")


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
