"""One stored row, as it is now."""

from __future__ import annotations

from uuid import UUID

from pc_worker.errors import InvalidRequest, NotFound
from pc_worker.model import read_uuid
from pc_worker.services.dependencies import Services
from pc_worker.store.db.connection import is_storable
from pc_worker.store.rows.read import FullRow, read_full_row


def read_row_id(text: str) -> UUID:
    """Return the UUID of a row, in the one form of all faces: 36 characters, in either case.

    Raises:
        InvalidRequest: If the text is another one.
    """
    found = read_uuid(text)
    if found is None:
        raise InvalidRequest(f"{text[:80]!r} is not a UUID")
    return found


def stored_row(services: Services, domain: str, row_id: str) -> FullRow:
    """Return a row with its passages.

    Raises:
        InvalidRequest: If ``row_id`` is not a UUID.
        NotFound: If the domain has no such row.
    """
    found, known = read_row_id(row_id), None
    if is_storable(domain):
        with services.database.transaction() as cursor:
            known = read_full_row(cursor, domain, found)
    if known is None:
        raise NotFound(f"domain {domain[:80]} has no row {found}")
    return known
