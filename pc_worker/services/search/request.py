"""The one request of a search: its fields, their limits, and one sentence for the first error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema, model_validator
from pydantic_core import ErrorDetails

from pc_worker.errors import InvalidRequest
from pc_worker.model import read_uuid
from pc_worker.model.filter import Filter
from pc_worker.services.search.where_schema import WHERE_SCHEMA
from pc_worker.store.db.connection import is_storable
from pc_worker.store.search.filters.where import read_where

Mode = Literal["hybrid", "vector", "text"]

MAX_K = 100
MAX_OFFSET = 1_000
#: A longer text is a document, for which there is ``like``; models read only some hundred words of it.
MAX_QUERY_CHARS = 16_384
MAX_DOMAIN_CHARS = 200

Weight = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False, description="a number from 0 to 1,000,000")]


class RequestModel(BaseModel):
    """A strict part of a request; a value that is wrong is an ``InvalidRequest`` of one sentence.

    Each field's description completes "must be …".
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    #: Before the names of fields in sentences.
    inside: ClassVar[str] = ""

    @model_validator(mode="wrap")
    @classmethod
    def _one_sentence(cls, values: Any, handler: Any) -> Any:
        given = {name: value for name, value in values.items() if value is not None} if _is_object(values) else values
        try:
            return handler(given)
        except ValidationError as exc:
            raise InvalidRequest(_sentence(cls, exc.errors(include_url=False)[0])) from exc


class Weights(RequestModel):
    """How much each list counts in the fusion of mode hybrid."""

    inside: ClassVar[str] = "weights"

    vector: Weight = 1.0
    text: Weight = 1.0


class SearchRequest(RequestModel):
    """The request of a search: the same on the command line, over HTTP, gRPC and Celery.

    A field that is null is as if it were not there.
    """

    query: str = Field(default="", description="any text; no character has a special meaning")
    domain: str = Field(description="the name of a domain")
    k: int = Field(default=10, ge=1, le=MAX_K, description=f"a whole number from 1 to {MAX_K}")
    mode: Mode = Field(default="hybrid", description="hybrid, vector or text")
    where: Annotated[Filter | None, PlainValidator(read_where), WithJsonSchema(WHERE_SCHEMA)] = Field(
        default=None,
        description="a filter FIELD=VALUE, {field, op, value}, {and, or, not: […]}, or an array of filters",
    )
    like: str | None = Field(
        default=None, description="the UUID of a row whose neighbours are searched for, without a query"
    )
    offset: int = Field(
        default=0, ge=0, le=MAX_OFFSET, description=f"a whole number from 0 to {MAX_OFFSET:,}: hits to leave out"
    )
    min_score: float | None = Field(
        default=None, allow_inf_nan=False, description="a number: the least final score of a hit"
    )
    weights: Weights | None = Field(default=None, description='an object like {"vector": 1, "text": 0.5}')
    feedback: bool | None = Field(
        default=None, description="true or false: search again with the best hits; null = as the domain is set"
    )
    rerank: bool = Field(
        default=False, description="true or false: order the best hits again by the configured reranker"
    )
    explain: bool = Field(default=False, description="true or false: say how each hit got its score")

    @model_validator(mode="after")
    def _check(self) -> SearchRequest:
        _check_texts(self)
        if self.weights is not None and not (self.weights.vector or self.weights.text):
            raise InvalidRequest("weights are both 0: at least one list must count")
        if self.like is None and not self.query.strip():
            raise InvalidRequest("the query is empty: enter a query, or name a row to find its nearest neighbours")
        if self.like is None:
            return self
        if self.query or self.mode == "text":
            raise InvalidRequest("neighbours of a row are found by its vectors: use neither a query nor mode text")
        if self.feedback or self.rerank:
            raise InvalidRequest("feedback and rerank need a query: neighbours of a row have none")
        if read_uuid(self.like) is None:
            raise InvalidRequest(f"{self.like[:80]!r} is not a UUID")
        return self


def _is_object(values: object) -> bool:
    return isinstance(values, Mapping)


def _check_texts(request: SearchRequest) -> None:
    if len(request.query) > MAX_QUERY_CHARS:
        raise InvalidRequest(f"the query has {len(request.query):,} characters: it may have {MAX_QUERY_CHARS:,}")
    if len(request.domain) > MAX_DOMAIN_CHARS or not is_storable(request.domain):
        raise InvalidRequest(f"there is no domain {request.domain[:80]!r}")


def _sentence(model: type[RequestModel], fault: ErrorDetails) -> str:
    names, value = ", ".join(model.model_fields), fault["input"]
    if not fault["loc"]:
        return f"{model.inside or 'the request'} must be an object with {names}"
    name = str(fault["loc"][0])
    label = f"{model.inside}.{name[:80]}" if model.inside else name[:80]
    if fault["type"] == "missing":
        return f"{label} is missing"
    if name not in model.model_fields:
        return f"there is no field {label!r}; there are {names}"
    return f"{label} must be {model.model_fields[name].description}, not {_shown(value)}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
