"""The request and the result of a search, and the limits of what one request may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any, Literal, get_args
from uuid import UUID

from pc_worker.errors import InvalidRequest
from pc_worker.model import read_uuid
from pc_worker.store.db.connection import is_storable
from pc_worker.store.search.filters import Condition, check_number

Mode = Literal["hybrid", "vector", "text"]

MAX_K = 100
MAX_OFFSET = 1_000
#: A longer text is a document, for which there is ``like``; models read only some hundred words of it.
MAX_QUERY_CHARS = 16_384
MAX_DOMAIN_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """The request of a search.

    Attributes:
        query: Any text; no character has a special meaning. Empty with ``like``.
        domain: The domain.
        like: Instead of a query: the UUID of a row whose nearest neighbours are searched for.
        mode: Which lists are searched; ``like`` always uses vectors.
        k: The number of hits, 1..100.
        offset: The number of best hits to leave out, 0..1,000.
        where: Conditions; all of them must hold.
        min_similarity: The least cosine similarity of a hit by vectors; it does not apply to hits by text.
        vector_weight: The weight of the vector ranking in the fusion.
        text_weight: The weight of the text ranking.
    """

    query: str = ""
    domain: str
    like: str | None = None
    mode: Mode = "hybrid"
    k: int = 10
    offset: int = 0
    where: tuple[Condition, ...] = ()
    min_similarity: float | None = None
    vector_weight: float = 1.0
    text_weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """One row: its scores, its payload, and its best passage (text, start and end in characters) if it has one."""

    id: str
    score: float
    vector_score: float | None
    text_score: float | None
    payload: dict[str, Any]
    passage: str | None = None
    start: int | None = None
    end: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the document of `search --json`."""
        names = ("id", "score", "vector_score", "text_score", "payload")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The hits, best first; ``mode`` = the mode that was used, ``took_ms`` = the whole search, with encoding."""

    query: str
    domain: str
    mode: Mode
    took_ms: float
    hits: tuple[SearchHit, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the document of `search --json`."""
        names = ("query", "domain", "mode", "took_ms")
        return {name: getattr(self, name) for name in names} | {"hits": [hit.to_dict() for hit in self.hits]}


def search_mode(mode: str) -> Mode:
    """Return the mode of this name.

    Raises:
        InvalidRequest: If there is none.
    """
    for known in get_args(Mode):
        if mode == known:
            return known  # type: ignore[no-any-return]  # get_args forgets what the literals are
    raise InvalidRequest(f"mode {mode[:80]!r} is none of {', '.join(get_args(Mode))}")


def check_request(request: SearchRequest) -> None:
    """Check the limits of a request, once for all its callers: the cost of one request is bounded.

    Raises:
        InvalidRequest: If a value is out of its limits.
    """
    _check_size(request)
    if not 1 <= request.k <= MAX_K:
        raise InvalidRequest(f"k is {request.k}: it must be 1 to {MAX_K}")
    if not 0 <= request.offset <= MAX_OFFSET:
        raise InvalidRequest(f"offset is {request.offset}: it must be 0 to {MAX_OFFSET}")
    if request.mode not in ("hybrid", "vector", "text"):
        raise InvalidRequest(f"mode {request.mode[:80]!r} is none of hybrid, vector and text")
    if request.min_similarity is not None and not -1 <= request.min_similarity <= 1:
        raise InvalidRequest(f"the least similarity is {request.min_similarity}: it must be -1 to 1")
    weights = (request.vector_weight, request.text_weight)
    if not (all(0 <= weight < inf for weight in weights) and any(weights)):
        raise InvalidRequest("weights must be numbers from 0 on, and not both 0")
    if request.like is None and not request.query.strip():
        raise InvalidRequest("the query is empty: enter a query, or name a row to find its nearest neighbours")
    if request.like is not None and (request.query or request.mode == "text"):
        raise InvalidRequest("neighbours of a row are found by its vectors: use neither a query nor mode text")


def _check_size(request: SearchRequest) -> None:
    check_number(request.where)
    if len(request.query) > MAX_QUERY_CHARS:
        raise InvalidRequest(f"the query has {len(request.query):,} characters: it may have {MAX_QUERY_CHARS:,}")
    if len(request.domain) > MAX_DOMAIN_CHARS or not is_storable(request.domain):
        raise InvalidRequest(f"there is no domain {request.domain[:80]!r}")


def row_like(request: SearchRequest) -> UUID | None:
    """Return the row of ``like``, None without it.

    Raises:
        InvalidRequest: If ``like`` is not a UUID.
    """
    if request.like is None:
        return None
    row_id = read_uuid(request.like)
    if row_id is None:
        raise InvalidRequest(f"{request.like[:80]!r} is not a UUID")
    return row_id
