"""The protocol of encoders, and the types they return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pc_worker.errors import EncodingFailed

Vectors = NDArray[np.float32]  # shape (n, dim), L2-normalised
Vector = NDArray[np.float32]  # shape (dim,), L2-normalised


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIdentity:
    """The identity of a model: vectors are comparable if their identities are equal.

    Attributes:
        name: The model's name for people.
        revision: Hash of everything that affects a vector; int8 vectors have their own revision.
        dimension: Length of a vector.
        normalised: Whether vectors have length 1; always true for encoders of this package.
    """

    name: str
    revision: str
    dimension: int
    normalised: bool = True


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A span of a text: characters from ``start`` up to, not including, ``end``."""

    start: int
    end: int


class Encoder(Protocol):
    """Encodes texts as vectors; safe to share between threads and usable after a fork."""

    @property
    def identity(self) -> ModelIdentity:
        """The model's identity."""

    @property
    def backend(self) -> str:
        """``torch``, ``onnx`` or ``onnx-int8``."""

    @property
    def max_tokens(self) -> int:
        """The model's window, special tokens included."""

    @property
    def truncated_texts(self) -> int:
        """Number of distinct texts per call, summed since the start, that were cut to the window."""

    @property
    def encoded_tokens(self) -> int:
        """Number of tokens the model has processed since the start, without padding."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return vectors of shape (texts, dim), in order; equal texts (see ``normalised_text``) are encoded once.

        Raises:
            EncodingFailed: If one of the texts cannot be encoded; see ``encode_isolating``.
        """

    def encode_query(self, text: str) -> Vector:
        """Return the vector of a search query, shape (dim,), with the model's query prompt.

        Raises:
            EncodingFailed: If the text cannot be encoded.
        """

    def passages(self, text: str) -> list[Span]:
        """Return the whole text when it fits the window, else overlapping passages that each do."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text; more than ``max_tokens`` means that it would be cut."""


@runtime_checkable
class KnowsScripts(Protocol):
    """What an encoder can do whose tokenizer is here: judge which texts its model can read."""

    def readable_share(self, text: str) -> float:
        """Return the share of a text's letters that the model can read, 0..1, judged by its tokens."""


@runtime_checkable
class IsolatesTexts(Protocol):
    """What an encoder can do whose calls cost money: one faulty text of a batch does not fail the others."""

    def encode_each(self, texts: Sequence[str]) -> list[Vector | EncodingFailed]:
        """Return per text, in order, its vector of shape (dim,) or the error that it alone causes."""
