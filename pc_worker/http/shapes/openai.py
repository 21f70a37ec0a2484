"""OpenAI's shapes: embeddings, the list of models, the search of a vector store, and errors."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictInt, StrictStr, WithJsonSchema

from pc_worker.errors import InvalidRequest
from pc_worker.http.requests.problems import Problem
from pc_worker.http.shapes.hits import flat, hit_text, hit_title, unit_score
from pc_worker.model.filter import Filter
from pc_worker.services.search.reply import SearchHit, SearchResult
from pc_worker.services.search.request import MAX_QUERY_CHARS
from pc_worker.store.search.filters.where import MAX_DEPTH, MAX_VALUES, read_where

if TYPE_CHECKING:
    from pc_worker.encoding import Vectors

MAX_RESULTS = 50
DEFAULT_RESULTS = 10
COMPARISONS = {"eq": "=", "ne": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "in": "in", "nin": "in"}
TOKENS = (
    "the input is token ids of another model's vocabulary: send texts (LangChain: check_embedding_ctx_length=False)"
)
FILTER_SCHEMA = {
    "type": ["object", "null"],
    "description": "`{type: eq|ne|gt|gte|lt|lte|in|nin, key, value}`, or `{type: and|or, filters: […]}`.",
}


class EmbeddingsRequest(BaseModel):
    """A request for embeddings; fields that OpenAI's API has beyond these are ignored, and null is as left out."""

    model: str = Field(max_length=500, description="An id of `GET /v1/models`.")
    input: StrictStr | list[StrictStr] | list[StrictInt] | list[list[StrictInt]] = Field(
        description="A text, or up to 2,048. Arrays of token ids are refused: they are of another model's vocabulary."
    )
    encoding_format: Literal["float", "base64"] | None = Field(
        default="float", description="`base64`: float32, little-endian."
    )
    dimensions: int | None = Field(default=None, ge=1, description="The model's own number, if given.")
    input_type: Literal["document", "passage", "query", "search_document", "search_query"] | None = Field(
        default="document", description="As what a text is encoded; the same for models without prompts."
    )

    @property
    def texts(self) -> list[str]:
        """The texts.

        Raises:
            InvalidRequest: If the input is token ids.
        """
        texts = [self.input] if isinstance(self.input, str) else self.input
        if not all(isinstance(text, str) for text in texts):
            raise InvalidRequest(TOKENS)
        return [text for text in texts if isinstance(text, str)]

    @property
    def as_queries(self) -> bool:
        """Whether the texts are queries."""
        return "query" in (self.input_type or "")


class EmbeddingItem(BaseModel):
    """One vector."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingsUsage(BaseModel):
    """The tokens that the model read."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(BaseModel):
    """The vectors, in the order of the texts; each has length 1."""

    object: Literal["list"] = "list"
    data: list[EmbeddingItem]
    model: str
    usage: EmbeddingsUsage


class ModelCard(BaseModel):
    """A model; `id` is what other requests name."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(default=0, description="Always 0: the time is not known.")
    owned_by: str = "pc_worker"


class ModelCards(BaseModel):
    """The models that the caller may use: encoders first."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class RankingOptions(BaseModel):
    """Which results are good enough."""

    score_threshold: float | None = Field(default=0.0, ge=0, le=1, description="The least score of a result.")


class VectorStoreQuery(BaseModel):
    """A search of a vector store."""

    query: str | list[str] = Field(description="A text; several are searched for as one.")
    filters: Annotated[dict[str, Any] | None, WithJsonSchema(FILTER_SCHEMA)] = None
    max_num_results: int | None = Field(default=DEFAULT_RESULTS, ge=1, le=MAX_RESULTS)
    ranking_options: RankingOptions | None = None
    rewrite_query: bool | None = Field(default=False, description="Accepted; the query is searched for as it is.")

    @property
    def queries(self) -> list[str]:
        """The texts."""
        return [self.query] if isinstance(self.query, str) else self.query

    @property
    def text(self) -> str:
        """The texts as one query.

        Raises:
            InvalidRequest: If they are too long together.
        """
        text = "\n".join(self.queries)
        if len(text) > MAX_QUERY_CHARS:
            raise InvalidRequest(f"the query has {len(text):,} characters: it may have {MAX_QUERY_CHARS:,}")
        return text

    @property
    def threshold(self) -> float:
        """The least score of a result."""
        return (self.ranking_options and self.ranking_options.score_threshold) or 0.0

    @property
    def most(self) -> int:
        """The most results."""
        return self.max_num_results or DEFAULT_RESULTS


class ResultContent(BaseModel):
    """A text of a result."""

    type: Literal["text"] = "text"
    text: str


class VectorStoreResult(BaseModel):
    """A row: `file_id` is its UUID, `filename` its title, `attributes` its fields."""

    file_id: str
    filename: str
    score: float = Field(description="0 to 1.")
    attributes: dict[str, str | float | bool]
    content: list[ResultContent]


class VectorStorePage(BaseModel):
    """The results, best first."""

    object: Literal["vector_store.search_results.page"] = "vector_store.search_results.page"
    search_query: list[str]
    data: list[VectorStoreResult]
    has_more: bool = False
    next_page: str | None = None


def rendered(vectors: Vectors, *, first: int, encoding_format: str | None) -> str:
    """Return vectors, shape (n, dim), as the JSON text of items, joined by commas.

    Args:
        vectors: One for each item.
        first: The index of the first item.
        encoding_format: ``base64``; any other means lists of numbers.
    """
    as_text = _base64 if encoding_format == "base64" else _floats
    items = enumerate(map(as_text, vectors.astype("<f4", copy=False)), start=first)
    return ",".join(f'{{"object":"embedding","index":{index},"embedding":{vector}}}' for index, vector in items)


def where_of(filters: Mapping[str, Any] | None) -> Filter | None:
    """Return our filter of OpenAI's.

    Raises:
        InvalidRequest: If it has another form, or is over a limit.
    """
    return None if filters is None else read_where(_tree(filters, depth=0))


def page_of(query: VectorStoreQuery, found: SearchResult) -> VectorStorePage:
    """Return the hits of at least the threshold's score as one page."""
    scored = [(hit, unit_score(hit.score, found.mode)) for hit in found.hits]
    data = [_result(hit, score) for hit, score in scored if score >= query.threshold]
    return VectorStorePage(search_query=query.queries, data=data)


def openai_members(problem: Problem, _authorization: str | None) -> dict[str, Any]:
    """Return the member of an error that OpenAI's clients read: `error`."""
    kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    param = problem.errors[0].field.removeprefix("body.") if problem.errors else None
    return {"error": {"message": problem.detail, "type": kind, "param": param, "code": problem.code}}


def _base64(vector: Any) -> str:
    return f'"{base64.b64encode(vector.tobytes()).decode()}"'


def _floats(vector: Any) -> str:
    return json.dumps(vector.tolist(), separators=(",", ":"))


def _result(hit: SearchHit, score: float) -> VectorStoreResult:
    return VectorStoreResult(
        file_id=hit.id,
        filename=hit_title(hit),
        score=score,
        attributes=flat(hit.payload),
        content=[ResultContent(text=hit_text(hit))],
    )


def _tree(filters: object, *, depth: int) -> Any:
    """Return a filter in the form of our `where`."""
    if not isinstance(filters, Mapping) or depth > MAX_DEPTH:
        raise InvalidRequest(f"a filter must be an object, nested at most {MAX_DEPTH} levels deep")
    kind = filters.get("type")
    if kind in ("and", "or"):
        parts = filters.get("filters")
        if not isinstance(parts, Sequence) or isinstance(parts, str) or len(parts) > MAX_VALUES:
            raise InvalidRequest(f"a filter of type {kind!r} needs an array `filters`")
        return {kind: [_tree(part, depth=depth + 1) for part in parts]}
    if not isinstance(kind, str) or kind not in COMPARISONS or not {"key", "value"} <= filters.keys():
        raise InvalidRequest(f"a filter is {{type, key, value}} with a type of {', '.join(COMPARISONS)}, and, or")
    compared = {"field": filters["key"], "op": COMPARISONS[kind], "value": filters["value"]}
    return {"not": [compared]} if kind == "nin" else compared
