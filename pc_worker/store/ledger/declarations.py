"""The declaration that each domain's log was created with: dimension, row type and key columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pc_worker.store.db.connection import Cursor

STORED = """
SELECT d.domain, d.declaration, m.dimension, m.encodable, EXISTS (SELECT FROM rows r WHERE r.domain = d.domain)
FROM domains d JOIN models m USING (model_id)
WHERE %(domain)s::text IS NULL OR d.domain = %(domain)s ORDER BY d.domain
"""
RECORD = "UPDATE domains SET declaration = %s WHERE domain = %s AND declaration IS NULL"
REPLACE = "UPDATE domains SET declaration = %s WHERE domain = %s"
OPEN_JOBS = """
SELECT job_id FROM jobs WHERE domain = %s AND state IN ('queued', 'splitting', 'running') ORDER BY created_at LIMIT 1
"""
SOURCES = """
SELECT source FROM rows WHERE domain = %(domain)s
UNION SELECT plan ->> 'source' FROM jobs WHERE domain = %(domain)s AND plan ->> 'source' IS NOT NULL ORDER BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDomain:
    """One domain of the database; ``declaration`` is None if its log is older than stored declarations."""

    name: str
    declaration: Mapping[str, Any] | None
    dimension: int
    encodable: bool
    has_rows: bool


def stored_domains(cursor: Cursor, domain: str | None = None) -> list[StoredDomain]:
    """Return every domain that has a log, or only ``domain``."""
    cursor.execute(STORED, {"domain": domain})
    return [
        StoredDomain(name=name, declaration=form, dimension=dimension, encodable=encodable, has_rows=has_rows)
        for name, form, dimension, encodable, has_rows in cursor.fetchall()
    ]


def record_declaration(cursor: Cursor, domain: str, form: Mapping[str, Any]) -> None:
    """Store a domain's declaration if it has none yet."""
    cursor.execute(RECORD, (json.dumps(form), domain))


def replace_declaration(cursor: Cursor, domain: str, form: Mapping[str, Any]) -> None:
    """Replace a domain's stored declaration."""
    cursor.execute(REPLACE, (json.dumps(form), domain))


def open_job(cursor: Cursor, domain: str) -> str | None:
    """Return the id of the domain's oldest open job; None if there is none."""
    cursor.execute(OPEN_JOBS, (domain,))
    found = cursor.fetchone()
    return None if found is None else str(found[0])


def sources_of(cursor: Cursor, domain: str) -> Sequence[str]:
    """Return the names of all sources that the domain has rows or jobs of."""
    cursor.execute(SOURCES, {"domain": domain})
    return [source for (source,) in cursor.fetchall()]
