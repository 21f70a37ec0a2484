"""How much each list of a search counts: as the request says, and as far as the model can read the query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pc_worker.services.search.request import SearchRequest, Weights
from pc_worker.store.search.scores.fusion import ListWeights

if TYPE_CHECKING:  # only a type: a text search loads no encoder
    from pc_worker.encoding import Encoder

#: A query's vector does not count below the first share of readable letters, and counts fully from the second one on.
READABLE = (0.2, 0.5)


def list_weights(request: SearchRequest, encoder: Encoder | None) -> ListWeights:
    """Return the weights of both lists; ``encoder`` is the one that encoded the query, if any did."""
    asked = request.weights or Weights()
    readable = 1.0 if encoder is None else _readable(clean_query(request.query), encoder)
    return ListWeights(vector=asked.vector, text=asked.text, readable=readable)


def clean_query(query: str) -> str:
    """Return the query as a model can encode it: without lone surrogates."""
    return query.encode("utf-8", "replace").decode()


def _readable(query: str, encoder: Encoder) -> float:
    from pc_worker.encoding import KnowsScripts  # an encoder is loaded by now

    if not isinstance(encoder, KnowsScripts):  # of a server: its tokenizer is not here
        return 1.0
    low, high = READABLE
    return min(1.0, max(0.0, (encoder.readable_share(query) - low) / (high - low)))
