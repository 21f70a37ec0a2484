"""Dify's external knowledge: its request, its conditions as our filters, its records and its errors."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from pc_worker.errors import InvalidRequest
from pc_worker.http.requests.problems import Problem
from pc_worker.http.shapes.hits import hit_text, hit_title, unit_score
from pc_worker.model.filter import AllOf, AnyOf, Condition, Filter, Not, Operator
from pc_worker.services.search.reply import SearchHit, SearchResult
from pc_worker.services.search.request import MAX_K
from pc_worker.store.search.filters.where import read_where

#: Error codes of Dify's documentation.
BAD_HEADER, NOT_AUTHORISED, NO_KNOWLEDGE = 1001, 1002, 2001

COMPARISONS: dict[str, Operator] = {
    "is": "=",
    "=": "=",
    "is not": "!=",
    "≠": "!=",
    "!=": "!=",
    ">": ">",
    "<": "<",
    "≥": ">=",
    ">=": ">=",
    "≤": "<=",
    "<=": "<=",
    "before": "<",
    "after": ">",
}
#: Comparisons with a part of a text.
PARTS: dict[str, Operator] = {"contains": "contains", "start with": "starts", "end with": "ends"}
Value = str | int | float | bool | None


class RetrievalSetting(BaseModel):
    """How much to retrieve."""

    top_k: int = Field(ge=1, le=MAX_K, description="The most records.")
    score_threshold: float | None = Field(default=0.0, ge=0, le=1, description="The least score of a record.")


class MetadataComparison(BaseModel):
    """A field of the payload compared with a value."""

    name: str | list[str] = Field(description="A payload field; of several, one must fit.", max_length=4_096)
    comparison_operator: str = Field(description="`is`, `contains`, `in`, `≥`, `before`, `empty` …", max_length=20)
    value: Value | list[Value] = Field(default=None, description="Left out with `empty` and `not empty`.")


class MetadataCondition(BaseModel):
    """Comparisons joined by `and` or `or`."""

    logical_operator: Literal["and", "or"] | None = "and"
    conditions: list[MetadataComparison] | None = Field(default=[], max_length=64)


class RetrievalRequest(BaseModel):
    """Dify's request to an external knowledge base."""

    knowledge_id: str = Field(description="The domain.")
    query: str = Field(description="Any text.")
    retrieval_setting: RetrievalSetting
    metadata_condition: MetadataCondition | None = None


class RetrievalRecord(BaseModel):
    """One record of knowledge; `metadata` has the fields of the row, and its UUID as `row_id`."""

    content: str
    score: float = Field(description="0 to 1.")
    title: str
    metadata: dict[str, Any]


class RetrievalAnswer(BaseModel):
    """The records, best first."""

    records: list[RetrievalRecord]


def where_of(condition: MetadataCondition | None) -> Filter | None:
    """Return the filter of a metadata condition.

    Raises:
        InvalidRequest: If a comparison does not exist, or its value does not fit it.
    """
    if condition is None or not condition.conditions:
        return None
    parts = tuple(map(_comparison, condition.conditions))
    return read_where(AnyOf(parts) if condition.logical_operator == "or" else AllOf(parts))


def records_of(found: SearchResult, threshold: float) -> list[RetrievalRecord]:
    """Return the hits of at least this score as records."""
    return [_record(hit, score) for hit in found.hits if (score := unit_score(hit.score, found.mode)) >= threshold]


def dify_members(problem: Problem, authorization: str | None) -> dict[str, Any]:
    """Return the members of an error that Dify shows: `error_code` and `error_msg`."""
    code = {403: NOT_AUTHORISED, 404: NO_KNOWLEDGE}.get(problem.status, problem.status)
    if problem.status == 401:
        code = NOT_AUTHORISED if (authorization or "").lower().startswith("bearer ") else BAD_HEADER
    return {"error_code": code, "error_msg": problem.detail}


def _record(hit: SearchHit, score: float) -> RetrievalRecord:
    metadata = hit.payload | {"row_id": hit.id}
    return RetrievalRecord(content=hit_text(hit), score=score, title=hit_title(hit), metadata=metadata)


def _comparison(condition: MetadataComparison) -> Filter:
    names = [condition.name] if isinstance(condition.name, str) else condition.name
    operator = condition.comparison_operator.strip().lower()
    if not names:
        raise InvalidRequest("a metadata condition names no field")
    negative = operator.startswith("not ") or COMPARISONS.get(operator) == "!="
    parts = tuple(_of_field(name, operator, condition.value) for name in names)
    return AllOf(parts) if negative else AnyOf(parts)


def _of_field(name: str, operator: str, value: Value | list[Value]) -> Filter:
    if operator.startswith("not "):
        return Not(_of_field(name, operator.removeprefix("not "), value))
    if operator in ("empty", "null"):
        return Condition(name, "=", (None, ""))
    if operator == "in":
        return _read(name, "in", value if isinstance(value, list) else _listed(value))
    if isinstance(value, list):
        raise InvalidRequest(f"metadata condition on {name[:80]!r}: {operator[:20]!r} compares with one value")
    if operator in COMPARISONS:
        return _read(name, COMPARISONS[operator], value)
    if operator in PARTS:
        return _part(name, PARTS[operator], value)
    known = ", ".join((*COMPARISONS, *PARTS, "in", "empty", "and each with not before it"))
    raise InvalidRequest(f"there is no comparison_operator {operator[:20]!r}: there are {known}")


def _part(name: str, operator: Operator, value: Value) -> Filter:
    """Return a comparison with a part of a text, or with an item of a list."""
    part = _text(_read(name, "=", value))
    return AnyOf((Condition(name, "=", (part,)), Condition(name, operator, (part,))))


def _text(filled: Filter) -> str:
    assert isinstance(filled, Condition)  # noqa: S101 - what a comparison is read as
    return filled.values[0] or ""


def _listed(value: Value) -> list[Value]:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else [value]


def _read(name: str, op: str, value: Any) -> Filter:
    found = read_where({"field": name, "op": op, "value": value})
    assert found is not None  # noqa: S101 - one comparison is always a filter
    return found
