"""Read stored vectors: by the hash of their text, by model, and their number."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from pc_worker.store.db.connection import Cursor
from pc_worker.store.db.copy import read_vector

# One index probe per hash: a frequent text may occur in very many rows.
KNOWN = """
SELECT h.text_hash, known.vector FROM unnest(%s::bytea[]) AS h (text_hash)
CROSS JOIN LATERAL (SELECT vector_send(e.vector) AS vector FROM embeddings e
                    WHERE e.model_id = %s AND e.text_hash = h.text_hash LIMIT 1) AS known
"""
COUNT = "SELECT count(*) FROM embeddings WHERE domain = %s AND model_id = %s"
SAMPLE = """
SELECT vector_send(a.vector), vector_send(b.vector)
FROM embeddings a JOIN embeddings b USING (domain, row_id)
WHERE a.domain = %s AND a.model_id = %s AND b.model_id = %s AND a.passage = 0 AND b.passage = 0
ORDER BY hashtext(a.row_id::text) LIMIT %s
"""


def known_vectors(cursor: Cursor, *, model_id: int, hashes: Collection[bytes]) -> dict[bytes, NDArray[np.float32]]:
    """Return the vectors, shape (dimension,), of those texts that any row has been embedded with under this model."""
    if not hashes:
        return {}
    cursor.execute(KNOWN, (list(hashes), model_id))
    return {bytes(text_hash): read_vector(vector) for text_hash, vector in cursor.fetchall()}


def count_vectors(cursor: Cursor, domain: str, model_id: int) -> int:
    """Return the number of a domain's vectors under a model."""
    cursor.execute(COUNT, (domain, model_id))
    (count,) = cursor.fetchone() or (0,)
    return int(count)


def sample_vectors(
    cursor: Cursor, domain: str, first: int, second: int, *, limit: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the vectors of up to ``limit`` rows under two models, to compare them.

    Each array has the shape (rows, dimension of the model) and holds the first passage of the same rows.
    """
    cursor.execute(SAMPLE, (domain, first, second, limit))
    pairs = [(read_vector(a), read_vector(b)) for a, b in cursor.fetchall()]
    if not pairs:
        return np.empty((0, 0), np.float32), np.empty((0, 0), np.float32)
    return np.stack([a for a, _ in pairs]), np.stack([b for _, b in pairs])
