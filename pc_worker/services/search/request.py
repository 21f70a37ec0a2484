"""The one request of a search: its fields and their limits."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from pc_worker.errors import InvalidRequest
from pc_worker.model import read_uuid
from pc_worker.model.filter import Filter
from pc_worker.services.request_model import DomainName, RequestModel
from pc_worker.services.search.where_schema import WHERE_SCHEMA
from pc_worker.store.db.connection import is_storable
from pc_worker.store.search.filters.where import read_where

Mode = Literal["hybrid", "vector", "text"]

MAX_K = 100
MAX_OFFSET = 1_000
#: A longer text is a document, for which there is ``like``; models read only some hundred words of it.
MAX_QUERY_CHARS = 16_384

Weight = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False, description="a number from 0 to 1,000,000")]


class Weights(RequestModel):
    """How much each list counts in the fusion of mode hybrid."""

    inside: ClassVar[str] = "weights"

    vector: Weight = 1.0
    text: Weight = 1.0


class SearchRequest(RequestModel):
    """The request of a search: the same on the command line, over HTTP, gRPC and Celery."""

    query: str = Field(default="", description="any text; no character has a special meaning")
    domain: DomainName = Field(description="the name of a domain")
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
        _check_query(self.query)
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


def _check_query(query: str) -> None:
    if len(query) > MAX_QUERY_CHARS:
        raise InvalidRequest(f"the query has {len(query):,} characters: it may have {MAX_QUERY_CHARS:,}")
    if not is_storable(query):
        raise InvalidRequest("the query has the character NUL or half of a surrogate pair: remove it")
