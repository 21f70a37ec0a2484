"""The passages of rows, with their similarity to a query and the text around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pc_worker.model.filter import Filter
from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.filters.sql import read_filter, where_sql
from pc_worker.store.search.scope import Scope, begin_search

#: Passages of one row that are looked at; of a longer row the nearest ones.
MAX_PASSAGES = 64

PASSAGES = """
SELECT r.row_id, p.start_char, p.end_char, substr(r.text, p.start_char + 1, p.end_char - p.start_char), p.similarity
FROM rows r JOIN LATERAL (
    SELECT e.start_char, e.end_char, 1 - (e.vector <=> %(vector)s::vector) AS similarity FROM embeddings e
    WHERE e.domain = r.domain AND e.row_id = r.row_id AND e.model_id = %(model_id)s AND e.end_char > e.start_char
    ORDER BY (e.vector <=> %(vector)s::vector), e.passage LIMIT %(limit)s) AS p ON true
WHERE r.domain = %(domain)s AND r.row_id = ANY (%(ids)s::uuid[])
"""
TEXTS = "SELECT row_id, left(text, %s) FROM rows WHERE domain = %s AND row_id = ANY (%s::uuid[]) AND text IS NOT NULL"
SLICE = "SELECT substr(text, %s, %s) FROM rows WHERE domain = %s AND row_id = %s"
COUNT = """
SELECT count(*) FROM (
    SELECT FROM rows r
    WHERE r.domain = %(domain)s AND (%(row_id)s::uuid IS NULL OR r.row_id = %(row_id)s::uuid) AND {where}
    LIMIT %(most)s) AS found
"""
SOME = """
SELECT r.row_id, r.payload, left(r.text, %(chars)s) FROM rows r WHERE r.domain = %(domain)s AND {where} LIMIT %(rows)s
"""
FIELDS = """
SELECT key, count(*), min(left(value #>> '{{}}', 80))
FROM (SELECT payload FROM rows r WHERE r.domain = %(domain)s AND {where} LIMIT %(rows)s) AS sample, jsonb_each(payload)
GROUP BY key ORDER BY count(*) DESC, key LIMIT 100
"""
#: Rows that `list_fields` looks at, and at most this many are counted.
SAMPLE, MAX_COUNTED = 1_000, 1_000_000


#: Id, payload, and the start of the text.
SampleRow = tuple[str, dict[str, Any], str]


@dataclass(frozen=True, slots=True)
class ScoredPassage:
    """One passage of a row, as a range of characters; ``similarity`` is None without a vector of the query."""

    row_id: str
    start: int
    end: int
    text: str
    similarity: float | None


def row_passages(cursor: Cursor, scope: Scope, ids: Sequence[str], *, vector: str | None) -> list[ScoredPassage]:
    """Return the passages of these rows, at most MAX_PASSAGES of each: those nearest to the vector, else the first."""
    cursor.execute(PASSAGES, scope.parameters | {"ids": list(ids), "vector": vector, "limit": MAX_PASSAGES})
    return [ScoredPassage(str(row_id), *rest) for row_id, *rest in cursor.fetchall()]


def row_texts(cursor: Cursor, domain: str, ids: Sequence[str], *, chars: int) -> dict[str, str]:
    """Return the text of these rows, cut to ``chars``."""
    cursor.execute(TEXTS, (chars, domain, list(ids)))
    return {str(row_id): text for row_id, text in cursor.fetchall()}


def text_slice(cursor: Cursor, domain: str, *, row_id: str, start: int, end: int) -> str:
    """Return the characters ``start`` to ``end`` of a row's text."""
    cursor.execute(SLICE, (start + 1, end - start, domain, row_id))
    (text,) = cursor.fetchone() or ("",)
    return text or ""


def count_matching(
    cursor: Cursor, domain: str, where: Filter | None, *, timeout_s: float, row_id: str | None = None
) -> int:
    """Return how many rows meet the filter, at most MAX_COUNTED; with ``row_id`` only that row is looked at."""
    begin_search(cursor, domain, timeout_s=timeout_s)
    condition, values = where_sql(read_filter(cursor, domain, where))
    values |= {"domain": domain, "most": MAX_COUNTED, "row_id": row_id}
    cursor.execute(COUNT.format(where=condition), values)
    (found,) = cursor.fetchone() or (0,)
    return int(found)


def sample_rows(cursor: Cursor, domain: str, where: Filter | None, *, rows: int, chars: int) -> list[SampleRow]:
    """Return some rows that meet the filter: id, payload and the start of the text."""
    condition, values = where_sql(read_filter(cursor, domain, where))
    values |= {"domain": domain, "rows": rows, "chars": chars}
    cursor.execute(SOME.format(where=condition), values)
    return [(str(row_id), payload, text or "") for row_id, payload, text in cursor.fetchall()]


def payload_fields(cursor: Cursor, domain: str, where: Filter | None) -> list[tuple[str, int, str]]:
    """Return the payload's fields in a sample of the rows that meet the filter: name, rows that have it, an example."""
    condition, values = where_sql(read_filter(cursor, domain, where))
    cursor.execute(FIELDS.format(where=condition), values | {"domain": domain, "rows": SAMPLE})
    return [(name, int(count), example or "") for name, count, example in cursor.fetchall()]
