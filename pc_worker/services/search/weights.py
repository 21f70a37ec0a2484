"""How much each list counts: as the request says, and as far as the model can read the query and the rows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from statistics import fmean
from typing import TYPE_CHECKING

from pc_worker.services.search.request import SearchRequest, Weights
from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.row_texts import sample_texts
from pc_worker.store.search.scope import Profile
from pc_worker.store.search.scores.fusion import ListWeights

if TYPE_CHECKING:  # only types: a text search loads no encoder
    from pc_worker.encoding import Encoder, KnowsScripts

#: A vector does not count below the first share of readable letters, and counts fully from the second one on.
READABLE = (0.2, 0.5)
#: Where vectors count at least this much in the mean of a domain's rows, these are not judged one by one.
MOST = 0.85
#: What represents the rows of a domain: its first and its last ones, and how much of each text.
SAMPLE_ROWS, JUDGED_CHARS = 16, 100
#: Domains whose part is remembered, and beginnings of rows: searches often find the same rows.
REMEMBERED, REMEMBERED_ROWS = 1_000, 20_000

#: Returns how much the vector of a row counts, 0..1, from the beginning of its text.
RowJudge = Callable[[str], float]

#: The part of a domain's rows when its statistics were counted, by the domain, the model and the time of that.
_parts: dict[tuple[str, int, datetime], float] = {}


def list_weights(request: SearchRequest, encoder: Encoder | None) -> ListWeights:
    """Return the weights of both lists; ``encoder`` is the one that encoded the query, if any did."""
    asked = request.weights or Weights()
    known = _knows_scripts(encoder)
    readable = 1.0 if known is None else _part(known.readable_share(clean_query(request.query)))
    return ListWeights(vector=asked.vector, text=asked.text, readable=readable)


def clean_query(query: str) -> str:
    """Return the query as a model can encode it: without lone surrogates."""
    return query.encode("utf-8", "replace").decode()


def row_judge(cursor: Cursor, profile: Profile, encoder: Encoder | None, weights: ListWeights) -> RowJudge | None:
    """Return what judges the rows of a domain; None if the vectors of all count alike.

    A name in Latin letters can be read in a Korean question, but the vectors of Korean rows are noise to it.
    """
    known = _knows_scripts(encoder)
    if known is None or not weights.readable or rows_part(cursor, profile, known) >= MOST:
        return None
    return lambda text: 1.0 if text.isascii() else _row_share(known.readable_share, text)


@functools.lru_cache(maxsize=REMEMBERED_ROWS)
def _row_share(readable_share: Callable[[str], float], beginning: str) -> float:
    return _part(readable_share(beginning))


def rows_part(cursor: Cursor, profile: Profile, encoder: KnowsScripts) -> float:
    """Return how much the vectors of a domain's rows count in the mean, 0..1, by a sample; 1 without texts.

    It is computed again when the statistics were counted again, and for each search until they are.
    """
    counted_at = profile.counted_at
    key = None if counted_at is None else (profile.domain, profile.model.model_id, counted_at)
    if key is not None and key in _parts:
        return _parts[key]
    texts = sample_texts(cursor, profile, rows=SAMPLE_ROWS, chars=JUDGED_CHARS)
    part = fmean([_part(encoder.readable_share(text)) for text in texts]) if texts else 1.0
    if key is not None:
        if len(_parts) >= REMEMBERED:
            _parts.clear()
        _parts[key] = part
    return part


def _knows_scripts(encoder: Encoder | None) -> KnowsScripts | None:
    """Return the encoder if its tokenizer is here; that of a server is not."""
    if encoder is None:
        return None
    from pc_worker.encoding import KnowsScripts  # an encoder is loaded by now

    return encoder if isinstance(encoder, KnowsScripts) else None


def _part(share: float) -> float:
    low, high = READABLE
    return min(1.0, max(0.0, (share - low) / (high - low)))
