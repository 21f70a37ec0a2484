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

#: The first and the last rows by id: in any order if the ids are hashes, the oldest and the newest ones otherwise.
SAMPLE = """
(SELECT left(text, %(chars)s) FROM rows WHERE domain = %(domain)s ORDER BY row_id LIMIT %(rows)s)
UNION ALL
(SELECT left(text, %(chars)s) FROM rows WHERE domain = %(domain)s ORDER BY row_id DESC LIMIT %(rows)s)
"""
BEGINNINGS = """
SELECT row_id, left(text, %(chars)s) FROM rows
WHERE domain = %(domain)s AND row_id = ANY (%(ids)s::uuid[]) AND text IS NOT NULL
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


def sample_texts(cursor: Cursor, profile: Profile, *, rows: int, chars: int) -> list[str]:
    """Return the beginnings of texts of at most 2 · ``rows`` rows of the domain; none of rows without one."""
    cursor.execute(SAMPLE, {"domain": profile.domain, "rows": rows, "chars": chars})
    return [text for (text,) in cursor.fetchall() if text]


def read_beginnings(cursor: Cursor, profile: Profile, ids: Sequence[str], *, chars: int) -> dict[str, str]:
    """Return the first ``chars`` characters of the texts of rows; rows without a text have none."""
    cursor.execute(BEGINNINGS, {"domain": profile.domain, "ids": list(ids), "chars": chars})
    return dict(cursor.fetchall())
