"""One bad text does not take its neighbours along."""

from __future__ import annotations

from collections.abc import Sequence

from pc_worker.encoding.bisect import bisect
from pc_worker.encoding.protocol import Encoder, Vector
from pc_worker.errors import EncodingFailed


def encode_isolating(encoder: Encoder, texts: Sequence[str]) -> list[Vector | EncodingFailed]:
    """Give per text, in order, its vector or the error that it alone causes.

    What is no text's fault (no memory, a model that is gone) is raised, not returned.
    """
    return bisect(texts, lambda part: list(encoder.encode(part)), failure=EncodingFailed)
