"""Rows by the names that people have for them: a key of their source, or their UUID."""

from __future__ import annotations

from collections.abc import Sequence

from pc_worker.store.db.connection import Cursor

FIND = """
SELECT key, row_id FROM rows WHERE domain = %(domain)s AND key = ANY (%(names)s)
UNION SELECT row_id::text, row_id FROM rows WHERE domain = %(domain)s AND row_id::text = ANY (%(names)s)
"""


def row_ids_by_name(cursor: Cursor, domain: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Give the row ids that each name stands for: a key may occur once in every source."""
    cursor.execute(FIND, {"domain": domain, "names": list(names)})
    found: dict[str, list[str]] = {}
    for name, row_id in cursor.fetchall():
        found.setdefault(name, []).append(row_id)
    return found
