"""Vectors of one sample of rows under two models, for comparing them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pc_worker.store.db.connection import Cursor
from pc_worker.store.db.copy import read_vector

SAMPLE = """
SELECT vector_send(a.vector), vector_send(b.vector)
FROM embeddings a JOIN embeddings b USING (domain, row_id)
WHERE a.domain = %s AND a.model_id = %s AND b.model_id = %s AND a.passage = 0 AND b.passage = 0
ORDER BY hashtext(a.row_id::text) LIMIT %s
"""


def sample_vectors(
    cursor: Cursor, domain: str, first: int, second: int, *, limit: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give the first passages' vectors of up to ``limit`` rows: float32, (rows, dimension) of each model."""
    cursor.execute(SAMPLE, (domain, first, second, limit))
    pairs = [(read_vector(a), read_vector(b)) for a, b in cursor.fetchall()]
    if not pairs:
        return np.empty((0, 0), np.float32), np.empty((0, 0), np.float32)
    return np.stack([a for a, _ in pairs]), np.stack([b for _, b in pairs])
