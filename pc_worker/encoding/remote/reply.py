"""The reply of an embeddings server: read strictly, as one wrong vector among right ones would never be noticed."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pc_worker.encoding.protocol import Vectors
from pc_worker.encoding.remote.failures import WrongReply


class _Item(msgspec.Struct):
    index: int
    embedding: str | list[float]


class _Document(msgspec.Struct):
    """Strict in what is stored; servers of many kinds leave the rest out, or have null or another form there."""

    data: list[_Item]
    model: Any = None
    usage: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A valid reply.

    Attributes:
        vectors: In the order of the texts, of length 1.
        model: The model that the server names; empty if it names none.
        tokens: The tokens that the server counted; 0 if it did not say.
    """

    vectors: Vectors
    model: str
    tokens: int


def read_reply(content: bytes, *, texts: int, dimension: int | None = None, model: str = "") -> Reply:
    """Return the reply to a request of ``texts`` texts; vectors that are out of order are put into it.

    Args:
        content: The body.
        texts: The number of texts that were sent.
        dimension: The dimension that vectors must have; None = any, the same for all.
        model: The model that the server must name, if it names one; empty = any.

    Raises:
        WrongReply: If anything is missing, doubled, not finite or of another model.
    """
    try:
        document = msgspec.json.decode(content, type=_Document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise WrongReply("it is not the JSON of embeddings") from None
    if sorted(item.index for item in document.data) != list(range(texts)):
        raise WrongReply(f"{texts} vectors were expected, one for each text, and {len(document.data)} given")
    named = document.model if isinstance(document.model, str) else ""
    if model and named and named != model:
        raise WrongReply(f"it is of the model {named[:80]!r}, not of {model[:80]!r}")
    document.data.sort(key=lambda item: item.index)
    vectors = _normalised(_stacked([_vector(item.embedding) for item in document.data], dimension))
    return Reply(vectors=vectors, model=named, tokens=_tokens(document.usage))


def _tokens(usage: Any) -> int:
    """Return the tokens that a server counted; of texts without an answer, all of them are of the prompt."""
    counts = [usage.get(name) for name in ("prompt_tokens", "total_tokens")] if isinstance(usage, dict) else []
    found = [count for count in counts if isinstance(count, int | float) and 0 < count < math.inf]
    return int(found[0]) if found else 0


def _vector(written: str | list[float]) -> NDArray[np.float32]:
    if isinstance(written, list):
        with np.errstate(over="ignore"):
            return np.asarray(written, dtype=np.float32)
    try:
        raw = base64.b64decode(written, validate=True)
        return np.frombuffer(raw, dtype="<f4").astype(np.float32)
    except (binascii.Error, ValueError):
        raise WrongReply("a vector is not base64 of 4-byte floats") from None


def _stacked(vectors: Sequence[NDArray[np.float32]], dimension: int | None) -> NDArray[np.float32]:
    wanted = len(vectors[0]) if dimension is None else dimension
    wrong = next((len(vector) for vector in vectors if len(vector) != wanted or not wanted), None)
    if wrong is not None:
        raise WrongReply(f"a vector has {wrong} dimensions instead of {wanted or 'any'}")
    return np.stack(vectors)


def _normalised(vectors: NDArray[np.float32]) -> Vectors:
    if not np.isfinite(vectors).all():
        raise WrongReply("a vector holds NaN or infinity")
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    if not lengths.all():
        raise WrongReply("a vector is all zeros")
    result: Vectors = (vectors / lengths).astype(np.float32)
    return result
