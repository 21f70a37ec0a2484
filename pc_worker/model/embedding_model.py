"""Embedding models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: What the name of a model begins with whose vectors come from the sources of a domain; the domain's name follows.
SOURCE = "source:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A registered embedding model; ``encodable`` = a worker can compute its vectors.

    It loads the model from ``location``, else from a former one: a folder may be elsewhere on each machine.
    """

    model_id: int
    name: str
    revision: str
    dimension: int
    normalised: bool
    encodable: bool
    location: str = ""
    former_locations: Sequence[str] = ()

    def __post_init__(self) -> None:
        # A driver returns a list; a model is a key of caches.
        object.__setattr__(self, "former_locations", tuple(self.former_locations))

    @property
    def label(self) -> str:
        """The model's name on the wire."""
        return f"{self.name}@{self.revision}"

    @property
    def source_domain(self) -> str:
        """The domain whose sources have the vectors; empty if they are computed here."""
        return "" if self.encodable else self.name.removeprefix(SOURCE)
