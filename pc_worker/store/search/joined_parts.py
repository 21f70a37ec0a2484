"""The rows that joined passages consist of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pc_worker.store.db.connection import Cursor
from pc_worker.store.search.filters.sql import where_sql
from pc_worker.store.search.scope import NO_ROW, Profile, Scope

PARTS = """
SELECT j.joined_id, r.row_id, j.start_char, j.end_char, r.payload, {where}
FROM joined_parts j JOIN rows r ON r.domain = %(rows_domain)s AND r.row_id = j.row_id
WHERE j.domain = %(domain)s AND j.joined_id = ANY (%(ids)s::uuid[]) ORDER BY j.joined_id, j.part
"""
PASSAGE_OF = "SELECT joined_id FROM joined_parts WHERE domain = %s AND row_id = %s"


@dataclass(frozen=True, slots=True)
class PassagePart:
    """A row of a joined passage: the characters that are its own, and whether it meets the search's filter."""

    row_id: str
    start: int
    end: int
    payload: dict[str, Any]
    wanted: bool


def read_parts(cursor: Cursor, scope: Scope, ids: Sequence[str]) -> Mapping[str, Sequence[PassagePart]]:
    """Return the rows of joined passages, in their order, by the passage's id."""
    where, _ = where_sql(scope.filter)
    cursor.execute(PARTS.format(where=where), scope.parameters | {"ids": list(ids)})
    found: dict[str, list[PassagePart]] = defaultdict(list)
    for joined_id, *part in cursor.fetchall():
        found[joined_id].append(PassagePart(*part))
    return found


def passage_of(cursor: Cursor, profile: Profile, row_id: UUID) -> UUID:
    """Return the joined passage that a row is in; ``NO_ROW`` if it is in none."""
    cursor.execute(PASSAGE_OF, (profile.domain, str(row_id)))
    found = cursor.fetchone()
    return NO_ROW if found is None else UUID(found[0])
