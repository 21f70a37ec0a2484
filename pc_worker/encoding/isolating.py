"""Encode a batch so that one faulty text does not fail the others."""

from __future__ import annotations

from collections.abc import Sequence

from pc_worker.encoding.bisect import bisect
from pc_worker.encoding.protocol import Encoder, IsolatesTexts, Vector
from pc_worker.errors import EncodingFailed


def encode_isolating(encoder: Encoder, texts: Sequence[str]) -> list[Vector | EncodingFailed]:
    """Return per text, in order, its vector of shape (dim,) or the error that it alone causes.

    Errors that no text causes (no memory, a missing model, a server that is unavailable) are raised, not returned.
    """
    if isinstance(encoder, IsolatesTexts):  # a second attempt of the others would cost again
        return encoder.encode_each(texts)
    return bisect(texts, lambda part: list(encoder.encode(part)), failure=EncodingFailed)
