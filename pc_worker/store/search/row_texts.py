"""Read the texts of hits and where their passages are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.scope import Profile

TEXTS = """
SELECT r.row_id, left(r.text, %(chars)s), coalesce(p.starts, '{}'), coalesce(p.ends, '{}')
FROM rows r LEFT JOIN LATERAL (
    SELECT array_agg(e.start_char ORDER BY e.passage) AS starts, array_agg(e.end_char ORDER BY e.passage) AS ends
    FROM embeddings e
    WHERE e.domain = r.domain AND e.row_id = r.row_id AND e.model_id = %(model_id)s AND e.start_char IS NOT NULL
) AS p ON true
WHERE r.domain = %(domain)s AND r.row_id = ANY (%(ids)s::uuid[])
"""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowText:
    """A row's own text, None without one, and its passages as ranges of characters, end exclusive."""

    text: str | None
    passages: tuple[Span, ...]


def read_texts(cursor: Cursor, profile: Profile, ids: Sequence[str], *, chars: int) -> dict[str, RowText]:
    """Return the texts of rows, at most their first ``chars`` characters, with the passages of the active model."""
    values = {"domain": profile.domain, "model_id": profile.model.model_id, "ids": list(ids), "chars": chars}
    cursor.execute(TEXTS, values)
    return {
        row_id: RowText(text=text, passages=tuple(zip(starts, ends, strict=True)))
        for row_id, text, starts, ends in cursor.fetchall()
    }
