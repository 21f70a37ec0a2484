"""Rows that were forgotten after their job began: they are not written, and their keys are not remembered again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from pc_worker.domains import ColumnMapping
from pc_worker.errors import Conflict
from pc_worker.store.db.connection import Cursor
from pc_worker.store.rows import forget_marks
from pc_worker.store.rows.identities import known_row_ids


def forgotten_keys(cursor: Cursor, mapping: ColumnMapping, keys: Collection[str], *, seq: int) -> set[str]:
    """Give the keys whose rows were forgotten, alone or with their source, after the job of this number began."""
    if not keys or not forget_marks.any_after(cursor, mapping.domain, seq):
        return set()
    by_mark = {forget_marks.key_mark(mapping.scope, key): key for key in keys}
    source = forget_marks.source_mark(mapping.source)
    found = forget_marks.marked(cursor, mapping.domain, [source, *by_mark], seq)
    return set(keys) if source in found else {by_mark[mark] for mark in found}


def check_still_wanted(cursor: Cursor, mapping: ColumnMapping, written: Mapping[str, UUID | None], *, seq: int) -> None:
    """Check that nothing of what is about to be committed was forgotten meanwhile; the domain must be locked.

    Args:
        cursor: Of the transaction that writes.
        mapping: How the job's source is read.
        written: Keys with the row that each was written as, None for a dead letter.
        seq: The job's number.

    Raises:
        Conflict: If something was: look the keys up again.
    """
    if not written or not forget_marks.any_recently(cursor, mapping.domain):
        return
    if forgotten_keys(cursor, mapping, written, seq=seq):
        raise Conflict("a row was forgotten meanwhile")
    rows = {key: row_id for key, row_id in written.items() if row_id is not None}
    known = known_row_ids(cursor, mapping.domain, mapping.scope, list(rows))
    if any(known.get(key) != row_id for key, row_id in rows.items()):
        raise Conflict("a row's key was forgotten meanwhile")
