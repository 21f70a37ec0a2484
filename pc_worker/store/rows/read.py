"""Read one stored row with its passages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pc_worker.store.db.connection import Cursor

# One statement, so that text and passages are of one version.
ROW = """
SELECT r.domain, r.row_id::text, r.source, r.key, r.payload, r.text, r.updated_at, m.name || '@' || m.revision,
       (SELECT position FROM log l
        WHERE l.domain = r.domain AND l.row_id = r.row_id AND l.superseded_by IS NULL AND l.kind = 0),
       ARRAY(SELECT ARRAY[e.start_char, e.end_char] FROM embeddings e
             WHERE e.domain = r.domain AND e.row_id = r.row_id AND e.model_id = d.model_id ORDER BY e.passage)
FROM rows r JOIN domains d USING (domain) JOIN models m USING (model_id) WHERE r.domain = %s AND r.row_id = %s
"""
NAMES = ("domain", "id", "source", "key", "payload", "text", "updated_at", "model", "position")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPassage:
    """A passage of a row's text, from character ``start`` up to, not including, ``end``."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FullRow:
    """A stored row.

    Attributes:
        domain: Its domain.
        id: Its UUID.
        source: The source that it came from last.
        key: Its key in the source.
        payload: Its fields.
        text: The text that was embedded; None if its vector came with the source.
        updated_at: When it was last written.
        model: Name and revision of the model of its vectors.
        position: Its newest position in the log; None while it is in none, as it is too large with the model's vectors.
        passages: The passages of its text, each with a vector; none if its vector came with the source.
    """

    domain: str
    id: str
    source: str
    key: str
    payload: dict[str, Any]
    text: str | None
    updated_at: datetime
    model: str
    position: int | None
    passages: tuple[RowPassage, ...]


def read_full_row(cursor: Cursor, domain: str, row_id: UUID) -> FullRow | None:
    """Return a row; None if it is not stored."""
    cursor.execute(ROW, (domain, str(row_id)))
    row = cursor.fetchone()
    if row is None:
        return None
    *values, places = row
    found = dict(zip(NAMES, values, strict=True))
    text: str | None = found["text"]
    passages = [] if text is None else [RowPassage(text=text[start:end], start=start, end=end) for start, end in places]
    return FullRow(**found, passages=tuple(passages))
