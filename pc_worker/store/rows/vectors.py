"""Vectors that exist already, found by the hash of their text and the model's identity."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from pc_worker.store.db.connection import Cursor
from pc_worker.store.db.copy import read_vector

# One probe a hash: a popular text may stand in very many rows.
KNOWN = """
SELECT h.text_hash, known.vector FROM unnest(%s::bytea[]) AS h (text_hash)
CROSS JOIN LATERAL (SELECT vector_send(e.vector) AS vector FROM embeddings e
                    WHERE e.model_id = %s AND e.text_hash = h.text_hash LIMIT 1) AS known
"""


def known_vectors(cursor: Cursor, *, model_id: int, hashes: Collection[bytes]) -> dict[bytes, NDArray[np.float32]]:
    """Give the vectors of those texts that some row, job or domain has embedded with this model before."""
    if not hashes:
        return {}
    cursor.execute(KNOWN, (list(hashes), model_id))
    return {bytes(text_hash): read_vector(vector) for text_hash, vector in cursor.fetchall()}
