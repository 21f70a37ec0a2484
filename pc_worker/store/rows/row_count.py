"""How much a domain holds."""

from __future__ import annotations

from pc_worker.store.db.connection import Cursor

COUNT = "SELECT count(*) FROM embeddings WHERE domain = %s AND model_id = %s"


def count_vectors(cursor: Cursor, domain: str, model_id: int) -> int:
    """Give the vectors of a domain under a model."""
    cursor.execute(COUNT, (domain, model_id))
    (count,) = cursor.fetchone() or (0,)
    return int(count)
