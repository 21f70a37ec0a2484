"""Embedding models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A registered embedding model; ``encodable`` = a worker can compute its vectors, from ``location``."""

    model_id: int
    name: str
    revision: str
    dimension: int
    normalised: bool
    encodable: bool
    location: str = ""

    @property
    def label(self) -> str:
        """The model's name on the wire."""
        return f"{self.name}@{self.revision}"
