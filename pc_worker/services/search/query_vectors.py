"""The vectors of queries: remembered, and computed while PostgreSQL works."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextvars import copy_context
from typing import TYPE_CHECKING

from pc_worker.errors import ContractBroken
from pc_worker.model import Model
from pc_worker.services.search.weights import clean_query
from pc_worker.store.search.scores.nearest import vector_text
from pc_worker.tracing import span

if TYPE_CHECKING:  # only types: a text search loads neither numpy nor an encoder
    import numpy as np
    from numpy.typing import NDArray

    from pc_worker.encoding import Encoder, ModelIdentity


class RecentQueries:
    """The vectors of the last ``size`` queries, of all models; safe to share between threads.

    Users repeat queries, request further pages and change filters.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._vectors: dict[tuple[ModelIdentity, str], NDArray[np.float32]] = {}

    def has(self, encoder: Encoder, query: str) -> bool:
        """Return whether the query is a recent one."""
        with self._lock:
            return (encoder.identity, query) in self._vectors

    def vector(self, encoder: Encoder, query: str) -> NDArray[np.float32]:
        """Return the query's vector, shape (dim,), float32; encode it only if it is not a recent query."""
        key = (encoder.identity, query)
        with self._lock:
            known = self._vectors.pop(key, None)
        vector = encoder.encode_query(query) if known is None else known  # outside the lock: it takes milliseconds
        with self._lock:
            self._vectors[key] = vector
            while len(self._vectors) > self._size:
                del self._vectors[next(iter(self._vectors))]
        return vector


#: One per process, shared by its threads: 1.5 kB per query with 384 dimensions.
RECENT = RecentQueries(1024)


class QueryVector:
    """The vector of a query, which can be computed while the caller waits for PostgreSQL.

    Args:
        query: The query.
        model: The domain's model.
        encoder: Encodes its queries.
        aside: Begin at once, in its own thread; otherwise the caller's thread does it when it needs the vector.

    Raises:
        ContractBroken: If the encoder is not that of the model.
    """

    def __init__(self, query: str, model: Model, encoder: Encoder, *, aside: bool) -> None:
        _check(model, encoder)
        self._query, self._encoder = clean_query(query), encoder
        self._encoded: Future[str] | None = None
        if aside and not RECENT.has(encoder, self._query):
            self._encoded = Future()
            # The trace continues in the thread. An end of the process does not wait for an engine that does not answer.
            work = copy_context()
            threading.Thread(target=work.run, args=(self._run, self._encoded), name="query vector", daemon=True).start()

    @property
    def is_ready(self) -> bool:
        """Whether the vector is computed already."""
        return RECENT.has(self._encoder, self._query) if self._encoded is None else self._encoded.done()

    def text(self) -> str:
        """Return the vector as pgvector's text; block until it is computed.

        Raises:
            PcWorkerError: What the encoder raises.
        """
        return self._compute() if self._encoded is None else self._encoded.result()

    def _run(self, encoded: Future[str]) -> None:
        try:
            encoded.set_result(self._compute())
        except BaseException as exc:  # it is raised in the thread that needs the vector
            encoded.set_exception(exc)

    def _compute(self) -> str:
        attributes = {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": self._encoder.identity.name}
        with span("embeddings", attributes):
            return vector_text(RECENT.vector(self._encoder, self._query))


def _check(model: Model, encoder: Encoder) -> None:
    identity = encoder.identity
    if model.encodable and (identity.revision, identity.dimension) != (model.revision, model.dimension):
        raise ContractBroken(
            f"the domain's model is {model.label}, but this process has {identity.name}@{identity.revision}: "
            "set PC_WORKER_MODEL to the domain's model"
        )
