"""What an encoder is, what it gives, and how it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]  # shape (n, dim), L2-normalised
Vector = NDArray[np.float32]  # shape (dim,), L2-normalised


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIdentity:
    """What makes vectors comparable: equal identities, comparable vectors.

    Attributes:
        name: The model's name for people.
        revision: Hash of everything that shapes a vector; int8 vectors have one of their own.
        dimension: Length of a vector.
        normalised: Whether vectors have length 1; encoders of this package always give such.
    """

    name: str
    revision: str
    dimension: int
    normalised: bool = True


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A piece of a text: characters from ``start`` up to, not including, ``end``."""

    start: int
    end: int


class Encoder(Protocol):
    """Texts in, vectors out; safe to share between threads and usable after a fork."""

    @property
    def identity(self) -> ModelIdentity:
        """Which model this is."""

    @property
    def backend(self) -> str:
        """What computes: ``torch``, ``onnx`` or ``onnx-int8``."""

    @property
    def max_tokens(self) -> int:
        """The model's window, special tokens included."""

    @property
    def truncated_texts(self) -> int:
        """How many distinct texts per call, added up since the start, were cut to the window."""

    @property
    def encoded_tokens(self) -> int:
        """How many tokens the model has seen since the start, padding left out."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Give one vector per text, in order; equal texts (see ``normalised_text``) are encoded once.

        Raises:
            EncodingFailed: If one of the texts cannot be encoded; see ``encode_isolating``.
        """

    def encode_query(self, text: str) -> Vector:
        """Give the vector of a search query, with the prompt that the model wants before queries.

        Raises:
            EncodingFailed: If the text cannot be encoded.
        """

    def passages(self, text: str) -> list[Span]:
        """Give the whole text when it fits the window, else overlapping pieces that each do."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Give per text how many tokens it has; more than ``max_tokens`` means it would be cut."""
