"""The documents of responses, as OpenAPI and the tools of assistants describe them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pc_worker.services.declarations import State
from pc_worker.services.domain_overview import DomainOverview
from pc_worker.store.search.scope import Method
from pc_worker.store.search.vector_form import Precision


class Document(BaseModel):
    """A response; made of a value with the same attributes."""

    model_config = ConfigDict(from_attributes=True)


class ModelDocument(Document):
    """The model of a domain."""

    name: str
    revision: str
    dimension: int
    encodable: bool = Field(description="Vectors of new texts and queries can be computed.")


class IndexDocument(Document):
    """A vector index, as it was built."""

    method: Method
    precision: Precision = Field(description="32 bits of each number, 16, or one; those of one bit are ranked again.")
    dimensions: int | None = Field(description="At most this many of the first numbers; null = all.")
    lists: int | None = Field(description="Of ivfflat.")
    breadth: int = Field(description="ef_search of hnsw, probes of ivfflat.")
    rows: int
    vectors: int
    target: float = Field(description="The recall that it is tuned for.")
    recall: float | None = Field(description="The recall@10, as last measured.")
    measured_at: datetime | None
    built_at: datetime


class SubscriptionDocument(Document):
    """A named consumer."""

    domain: str
    name: str
    shard: int = Field(description="0..shards-1: a subscription with shards has one entry for each.")
    shards: int
    position: int = Field(description="The last acknowledged position.")
    head: int
    lag: int = Field(description="Positions that are not acknowledged.")
    updated_at: datetime
    held_by: str | None = Field(description="Address of its consumer now.")
    held_until: datetime | None
    expires_at: datetime | None = Field(description="When it is removed if it is not consumed; null = never.")
    dead: int = Field(description="Rows that it could not store and gets no more: its dead letters.")
    where: Any = Field(description="Its filter, as `where` of a search; null = every row.")


class DomainDocument(Document):
    """A domain."""

    domain: str
    state: State
    note: str | None = Field(description="What to do if the state is not `ok`.")
    rows: int
    head: int = Field(description="The newest position of its log.")
    epoch: str | None
    model: ModelDocument | None
    index: IndexDocument | None = Field(description="Without one, a search compares every vector.")
    consumers: list[SubscriptionDocument]


class PassageDocument(Document):
    """A part of a text, in characters; the end is exclusive."""

    text: str
    start: int
    end: int


class RowDocument(Document):
    """A stored row."""

    domain: str
    id: str
    source: str
    key: str
    payload: dict[str, Any]
    text: str | None = Field(description="The text that was embedded; null if its vector came with the source.")
    updated_at: datetime
    model: str
    position: int | None = Field(description="Its newest position in the log.")
    passages: list[PassageDocument]


def domain_document(overview: DomainOverview) -> DomainDocument:
    """Return the document of a domain."""
    return DomainDocument.model_validate(asdict(overview))
