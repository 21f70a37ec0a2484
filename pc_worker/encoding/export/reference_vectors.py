"""What sentence-transformers makes of the probe texts with the built-in model: the reference where PyTorch is missing.

``scripts/reference_vectors.py`` writes the file; a test compares it with sentence-transformers.
"""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np

from pc_worker.encoding.protocol import Vectors

FILE = "reference_vectors.npz"


def stored_reference(revision: str, texts: list[str]) -> Vectors | None:
    """Return the reference vectors of ``texts``, shape (texts, dim), or None if there are none for this model.

    Args:
        revision: The model's, without a mark for rounded weights.
        texts: The probe texts; None is also returned where they are not those of the file.
    """
    with (files("pc_worker.encoding.export") / FILE).open("rb") as file, np.load(file, allow_pickle=False) as stored:
        if str(stored["revision"]) != revision or str(stored["texts"]) != _digest(texts):
            return None
        vectors = stored["vectors"].astype(np.float32)
    normalised: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return normalised


def write_reference(path: Path, revision: str, texts: list[str], vectors: Vectors) -> None:
    """Write the file: float16 changes a cosine by less than 0.000001."""
    half = vectors.astype(np.float16)
    np.savez_compressed(path, revision=np.array(revision), texts=np.array(_digest(texts)), vectors=half)


def _digest(texts: list[str]) -> str:
    return sha256("\0".join(texts).encode()).hexdigest()
