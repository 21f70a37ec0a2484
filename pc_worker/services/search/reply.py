"""The one reply of a search: the document of `search --json`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pc_worker.services.search.request import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The best passage of a hit: its text, and its range in characters of the row's text, end exclusive."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A hit in one of the lists.

    Attributes:
        rank: From 1; None if the list does not hold it.
        score: Its score by that list's measure.
        fused: What this place adds to the fused score.
    """

    rank: int | None
    score: float | None
    fused: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How a hit got its score; a list that was not used is None, and so is ``rerank`` without that stage."""

    vector: Place | None
    text: Place | None
    fused: float
    rerank: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """One row: its scores, its payload, its best passage, and with ``explain`` how it got its score."""

    id: str
    score: float
    vector_score: float | None
    text_score: float | None
    payload: dict[str, Any]
    passage: Passage | None = None
    explain: Explanation | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return a hit of the document of `search --json`."""
        names = ("id", "score", "vector_score", "text_score", "payload")
        document = {name: getattr(self, name) for name in names}
        document["passage"] = None if self.passage is None else asdict(self.passage)
        return document if self.explain is None else document | {"explain": asdict(self.explain)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reranking:
    """Whether the requested rerank was done, by which model, and if not why."""

    applied: bool
    model: str | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The hits, best first.

    Attributes:
        query: The query; empty with ``like``.
        domain: The domain.
        mode: The mode that was used.
        took_ms: Milliseconds of the whole search, with encoding.
        hits: The hits.
        rerank: The outcome of a requested rerank; None if none was requested.
    """

    query: str
    domain: str
    mode: Mode
    took_ms: float
    hits: tuple[SearchHit, ...]
    rerank: Reranking | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the document of `search --json`."""
        names = ("query", "domain", "mode", "took_ms")
        document = {name: getattr(self, name) for name in names}
        if self.rerank is not None:
            document["rerank"] = asdict(self.rerank)
        return document | {"hits": [hit.to_dict() for hit in self.hits]}
