"""What sentence-transformers makes of the probe texts with the models that need no PyTorch: the reference without it.

``scripts/reference_vectors.py`` writes the files; a test compares them with sentence-transformers.
"""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np

from pc_worker.encoding.agreement import probe_queries, probe_texts
from pc_worker.encoding.protocol import Vectors

FOLDER = "reference"


def stored_reference(revision: str) -> Vectors | None:
    """Return the reference vectors of the probe texts and queries, or None if there are none for this model.

    Their shape is (texts + queries, dim).

    Args:
        revision: The model's, without a mark for rounded weights.
    """
    place = files("pc_worker.encoding.export") / FOLDER / f"{revision}.npz"
    if not place.is_file():
        return None
    with place.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        if str(stored["texts"]) != _digest():
            return None
        vectors = stored["vectors"].astype(np.float32)
    normalised: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return normalised


def write_reference(folder: Path, revision: str, vectors: Vectors) -> None:
    """Write the file of a model; ``vectors`` have the shape (texts + queries, dim).

    They are stored as float16, which changes a cosine by less than 0.000001.
    """
    half = vectors.astype(np.float16)
    np.savez_compressed(folder / f"{revision}.npz", texts=np.array(_digest()), vectors=half)


def _digest() -> str:
    return sha256("\0".join([*probe_texts(), *probe_queries()]).encode()).hexdigest()
