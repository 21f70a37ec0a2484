"""Hits that people judged, for the measurement of search quality."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pc_worker.store.db.connection import Cursor

UPSERT = """
INSERT INTO judged_hits (domain, query, row_id, grade) VALUES (%s, %s, %s, %s)
ON CONFLICT (domain, query, row_id) DO UPDATE SET grade = excluded.grade, judged_at = now()
"""
READ = "SELECT query, row_id::text, grade FROM judged_hits WHERE domain = %s ORDER BY query, grade DESC, row_id"


def judge_hit(cursor: Cursor, domain: str, query: str, row_id: UUID, grade: float) -> None:
    """Record how well a row answers a query: 0 = not at all."""
    cursor.execute(UPSERT, (domain, query, str(row_id), grade))


def judged_hits(cursor: Cursor, domain: str) -> Sequence[tuple[str, str, float]]:
    """Return query, row and grade of all judged hits of a domain."""
    cursor.execute(READ, (domain,))
    return list(cursor.fetchall())
