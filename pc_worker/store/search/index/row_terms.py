"""Rows whose terms were made by older rules: find them in batches and replace their terms while others read and write.

A batch locks its rows in the order of their ids, as the writers of rows do, so no row changes after it is read and
before its terms are written. A row that was written in the meantime has terms by the present rules and is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pc_worker.model import RowTerms
from pc_worker.store.db import copy
from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.terms import sparsevecs_binary
from pc_worker.store.search.words.splitting import RULES

#: Tables with the terms of rows: those that are searched, and those of rows that are in no log.
Table = Literal["row_terms", "parked_terms"]
TABLES: tuple[Table, ...] = ("row_terms", "parked_terms")
FIRST = UUID(int=0)

READ = """
SELECT r.row_id, r.payload, r.text FROM {table} t JOIN rows r ON (r.domain, r.row_id) = (t.domain, t.row_id)
WHERE t.domain = %s AND t.row_id > %s AND t.rules < %s ORDER BY t.row_id LIMIT %s FOR NO KEY UPDATE OF r
"""
STAGE = """
CREATE TEMP TABLE IF NOT EXISTS stage_terms (row_id uuid, terms integer[], counts sparsevec, length integer)
ON COMMIT DELETE ROWS
"""
COLUMNS = ("row_id", "terms", "counts", "length")
REPLACE = """
UPDATE {table} t SET terms = s.terms, counts = s.counts, length = s.length, rules = %(rules)s
FROM stage_terms s WHERE t.domain = %(domain)s AND t.row_id = s.row_id AND t.rules < %(rules)s
"""
DOMAINS = "SELECT domain FROM domains WHERE domain = coalesce(%s, domain) ORDER BY domain"


@dataclass(frozen=True, slots=True)
class StoredText:
    """A stored row as its terms are made of it."""

    row_id: UUID
    payload: dict[str, Any]
    text: str | None


def rows_of_older_rules(cursor: Cursor, domain: str, table: Table, *, after: UUID, limit: int) -> list[StoredText]:
    """Lock and return the next rows after the id ``after`` whose terms were made by older rules."""
    cursor.execute(READ.format(table=table), (domain, str(after), RULES, limit))
    return [StoredText(UUID(row_id), payload, text) for row_id, payload, text in cursor.fetchall()]


def replace_terms(cursor: Cursor, domain: str, table: Table, ids: Sequence[UUID], terms: Sequence[RowTerms]) -> int:
    """Replace the terms of rows that still have terms by older rules; return how many these were."""
    cursor.execute(STAGE)
    arrays, counts = copy.int4_arrays([each.ids for each in terms]), sparsevecs_binary(terms)
    lengths = [copy.int4(each.length) for each in terms]
    rows = zip([row_id.bytes for row_id in ids], arrays, counts, lengths, strict=True)
    copy.copy_rows(cursor, "stage_terms", COLUMNS, rows)
    cursor.execute(REPLACE.format(table=table), {"domain": domain, "rules": RULES})
    return int(cursor.rowcount)


def logged_domains(cursor: Cursor, domain: str | None) -> list[str]:
    """Return the domains with a log, or the one given if it has one."""
    cursor.execute(DOMAINS, (domain,))
    return [name for (name,) in cursor.fetchall()]
