"""What the tools return; their output schemas are made of these models."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from pc_worker.http.documents import DomainDocument


class FoundItem(BaseModel):
    """A row that was found."""

    id: str = Field(description="What `fetch` takes: the domain, a slash, and the row's UUID.")
    title: str
    url: str
    text: str = Field(description="Its best passage, or its fields.")
    score: float = Field(description="0 to 1; comparable within a domain.")
    domain: str
    metadata: dict[str, Any] = Field(description="The fields of the row.")


class FoundItems(BaseModel):
    """The rows that were found, best first."""

    results: list[FoundItem]


class FetchedItem(BaseModel):
    """A whole row."""

    id: str
    title: str
    text: str
    url: str
    metadata: dict[str, Any] = Field(description="`domain`, `row_id`, `source`, `updated_at`, and the `payload`.")


class DomainList(BaseModel):
    """The domains that the token may search."""

    domains: list[DomainDocument]
