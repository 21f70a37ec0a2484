"""Filters on payload fields: parse `FIELD=VALUE`, and build SQL in which values are always bound parameters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pc_worker.errors import InvalidRequest
from pc_worker.store.db.connection import is_storable
from pc_worker.store.search.terms import facet_term

Operator = Literal["=", ">=", "<="]
Parameters = dict[str, object]

CONDITION = re.compile(r"(?P<field>[^=<>]+)(?P<operator>>=|<=|=)(?P<value>.*)", re.DOTALL)
NUMBER = re.compile(r"[+-]?[0-9]{1,255}([.][0-9]{1,255})?")
DATE_CHARS = 10
#: More than a search needs; each condition is evaluated for each candidate.
MAX_CONDITIONS = 64
#: Characters of one condition.
MAX_CONDITION_CHARS = 4_096

EQUAL = """
CASE jsonb_typeof(r.payload -> %({name}_field)s)
    WHEN 'array' THEN EXISTS (SELECT FROM jsonb_array_elements_text(r.payload -> %({name}_field)s) AS item
                              WHERE item = %({name})s)
    WHEN 'object' THEN false
    ELSE coalesce(r.payload ->> %({name}_field)s = %({name})s, false) END
"""
NUMERIC = "payload_number(r.payload -> %({name}_field)s) {operator} %({name})s::numeric"
TEMPORAL = "payload_time(r.payload -> %({name}_field)s) {operator} %({name})s::timestamptz"


@dataclass(frozen=True, slots=True)
class Condition:
    """A payload field compared with a value: = as text (or an array holds it), >= and <= as numbers or dates."""

    field: str
    operator: Operator
    value: str


def parse_where(texts: Sequence[str]) -> list[Condition]:
    """Parse conditions of the forms ``FIELD=VALUE``, ``FIELD>=VALUE`` and ``FIELD<=VALUE``.

    Raises:
        InvalidRequest: If one has another form or is too long, a range's end is neither a number nor an ISO 8601 date,
            or there are too many.
    """
    check_number(texts)
    return [_parse(text) for text in texts]


def check_number(conditions: Sequence[object]) -> None:
    """Check the number of conditions.

    Raises:
        InvalidRequest: If there are more than a search may have.
    """
    if len(conditions) > MAX_CONDITIONS:
        raise InvalidRequest(f"{len(conditions)} filters are too many: a search may have {MAX_CONDITIONS}")


def _parse(text: str) -> Condition:
    if len(text) > MAX_CONDITION_CHARS:
        raise InvalidRequest(f"filter {text[:40]!r}… has {len(text):,} characters: it may have {MAX_CONDITION_CHARS:,}")
    match = CONDITION.fullmatch(text)
    if match is None or not match["field"].strip():
        raise InvalidRequest(f"filter {text!r} is not FIELD=VALUE, FIELD>=VALUE or FIELD<=VALUE")
    if not is_storable(text):
        raise InvalidRequest(f"filter {text!r} holds characters that no stored value can have")
    operator: Operator = ">=" if match["operator"] == ">=" else "<=" if match["operator"] == "<=" else "="
    condition = Condition(match["field"].strip(), operator, match["value"])
    if operator != "=" and not NUMBER.fullmatch(condition.value.strip()):
        _time(condition)
    return condition


def facets(domain: str, conditions: Sequence[Condition]) -> list[int]:
    """Return the facet terms that every row meeting ``conditions`` has; conditions without a facet are skipped."""
    terms = (facet_term(domain, c.field, c.value) for c in conditions if c.operator == "=")
    return [term for term in terms if term is not None]


def where_sql(conditions: Sequence[Condition]) -> tuple[str, Parameters]:
    """Return the SQL condition that a row ``r`` meets all ``conditions``, and its parameters."""
    parts: list[str] = ["true"]
    values: Parameters = {}
    for number, condition in enumerate(conditions):
        name = f"where_{number}"
        sql, value = _comparison(condition)
        parts.append(sql.format(name=name))
        values |= {name: value, f"{name}_field": condition.field}
    return " AND ".join(f"({part})" for part in parts), values


def _comparison(condition: Condition) -> tuple[str, object]:
    value = condition.value.strip()
    if condition.operator == "=":
        return EQUAL, condition.value
    if NUMBER.fullmatch(value):
        return NUMERIC.replace("{operator}", condition.operator), value
    end = _time(condition)
    if condition.operator == "<=" and len(value) == DATE_CHARS:
        end += timedelta(days=1, microseconds=-1)  # "up to a day" includes that whole day
    return TEMPORAL.replace("{operator}", condition.operator), end


def _time(condition: Condition) -> datetime:
    try:
        time = datetime.fromisoformat(condition.value.strip())
    except ValueError as exc:
        text = f"{condition.field}{condition.operator}{condition.value}"
        raise InvalidRequest(f"filter {text!r}: a range ends at a number or an ISO 8601 date") from exc
    return time if time.tzinfo else time.replace(tzinfo=UTC)
