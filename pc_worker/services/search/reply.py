"""The one reply of a search: the document of `search --json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from pc_worker.services.search.request import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedRows:
    """The rows that a passage joins: who says its text, and from when to when.

    Attributes:
        group: The values by which the rows are grouped, such as the meeting.
        speakers: The speakers, in the order of their first words.
        begins: When the first one begins: seconds, a timestamp or other text; None if the rows do not say it.
        ends: When the last one ends.
        rows: The ids of the rows, in their order.
    """

    group: Mapping[str, Any]
    speakers: tuple[str, ...]
    begins: Any
    ends: Any
    rows: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what the document of a passage has of it."""
        own = {"group": dict(self.group), "speakers": list(self.speakers), "from": self.begins, "to": self.ends}
        return own | {"rows": list(self.rows)}

    @classmethod
    def from_dict(cls, passage: Mapping[str, Any]) -> Self | None:
        """Return the rows of a document of a passage; None if it joins none."""
        if "rows" not in passage:
            return None
        return cls(
            group=passage["group"],
            speakers=tuple(passage["speakers"]),
            begins=passage["from"],
            ends=passage["to"],
            rows=tuple(passage["rows"]),
        )

    @property
    def label(self) -> str:
        """What a reader knows the passage by: group, speakers and times."""
        times = " – ".join(dict.fromkeys(clock(value) for value in (self.begins, self.ends) if value is not None))
        group = ", ".join(str(value) for value in self.group.values() if value is not None)
        return " · ".join(filter(None, (group, ", ".join(self.speakers), times)))


def clock(value: Any) -> str:
    """Return a time for a reader: seconds as hours, minutes and seconds, other values as they are.

    >>> clock(83.5), clock(3600), clock("2026-03-02T10:00:00+00:00")
    ('0:01:23', '1:00:00', '2026-03-02T10:00:00+00:00')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    minutes, seconds = divmod(int(value), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The best passage of a hit.

    Attributes:
        text: Its text.
        start: Where it begins, in characters of the row's text, or of the joined text.
        end: Where it ends, exclusive.
        joined: The rows that it joins; None if it is a part of its own row's text.
    """

    text: str
    start: int
    end: int
    joined: JoinedRows | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the passage as it is in documents."""
        own = {"text": self.text, "start": self.start, "end": self.end}
        return own if self.joined is None else own | self.joined.to_dict()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListScore:
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

    vector: ListScore | None
    text: ListScore | None
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
        document: dict[str, Any] = {
            "id": self.id,
            "score": self.score,
            "vector_score": self.vector_score,
            "text_score": self.text_score,
            "payload": self.payload,
            "passage": None if self.passage is None else self.passage.to_dict(),
        }
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
