"""Checks of request fields that several calls share."""

from __future__ import annotations

from uuid import UUID

from pc_worker.errors import BeyondHead, InvalidRequest
from pc_worker.model import DEFAULT_CHUNK_ROWS, MAX_CHUNK_ROWS, read_canonical_uuid


def chunk_rows(asked: int) -> int:
    """Return the most rows of a chunk; 0 requests the default.

    Raises:
        InvalidRequest: If ``asked`` is not within 0 to 1000.
    """
    if not 0 <= asked <= MAX_CHUNK_ROWS:
        raise InvalidRequest(f"a chunk of {asked} rows is not within 0 to {MAX_CHUNK_ROWS}")
    return asked or DEFAULT_CHUNK_ROWS


def checked_row_id(given: str) -> UUID:
    """Read a UUID in canonical form.

    Raises:
        InvalidRequest: If it has another form.
    """
    row_id = read_canonical_uuid(given)
    if row_id is None:
        raise InvalidRequest(f"{given[:80]!r} is not a UUID in canonical form: 36 characters in lower case")
    return row_id


def checked_position(position: int, head: int) -> int:
    """Return the position to start after, checked.

    Raises:
        InvalidRequest: If it is negative.
        BeyondHead: If it is after ``head``.
    """
    if 0 <= position <= head:
        return position
    kind = InvalidRequest if position < 0 else BeyondHead
    raise kind(f"position {position} is not within 0 to the log's head, {head}")
