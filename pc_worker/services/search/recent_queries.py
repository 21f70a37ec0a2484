"""Vectors of the queries that were asked last: people ask again, turn pages, change filters."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pc_worker.encoding import Encoder, ModelIdentity


class RecentQueries:
    """Keeps the vectors of the ``size`` queries asked last, of all models; safe to share between threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._vectors: dict[tuple[ModelIdentity, str], NDArray[np.float32]] = {}

    def vector(self, encoder: Encoder, query: str) -> NDArray[np.float32]:
        """Give the query's vector, shape (dimension,), encoding it only if it was not asked lately."""
        key = (encoder.identity, query)
        with self._lock:
            known = self._vectors.pop(key, None)
        vector = encoder.encode_query(query) if known is None else known  # outside the lock: it takes milliseconds
        with self._lock:
            self._vectors[key] = vector
            while len(self._vectors) > self._size:
                del self._vectors[next(iter(self._vectors))]
        return vector
