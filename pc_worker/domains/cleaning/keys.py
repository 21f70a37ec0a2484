"""The key of each row: equal keys identify the same record."""

from __future__ import annotations

import hashlib
import json

from pc_worker.domains.cleaning.cells import BadValue, DropRow, checked_text, is_null
from pc_worker.domains.cleaning.records import canonical_json
from pc_worker.domains.declaration.column_mapping import ColumnMapping
from pc_worker.domains.declaration.domain import CleaningRule, Domain
from pc_worker.domains.declaration.table import BatchView
from pc_worker.model import is_uuid
from pc_worker.reader import Json, normal

# Keys are in a B-tree; PostgreSQL limits its entries to a third of an 8 kB page.
_MAX_BYTES = 2_000


def row_keys(domain: Domain, mapping: ColumnMapping, batch: BatchView) -> list[str | None]:
    """Return the key of each row of ``batch`` as text, read from ``mapping.key_columns``; None for a null key.

    A valid UUID is returned in lower case, any other value as text. Without a key column the key is the hex digest of
    the domain's key fields, or of the row's normal form: equal rows share it, and the caller appends ``:n`` for the
    n-th of them. A key may hold a lone surrogate; ``clean`` makes that row dead.
    """
    if mapping.key is None and domain.key_fields:
        return [_digest(_key_values(domain, mapping, batch, i), batch.start + i) for i in range(len(batch))]
    if mapping.key is None:
        return [_digest(batch.normal_row(i), batch.start + i) for i in range(len(batch))]
    return [_key_text(cell, batch.start + i) for i, cell in enumerate(batch.columns[mapping.key])]


def check_key(key: str) -> None:
    """Check that a key can be stored.

    Raises:
        BadValue: If it has a NUL character or a lone surrogate, or is too long.
    """
    try:
        checked_text(key)
    except BadValue as fault:
        raise BadValue(f"the key {fault}") from fault
    if len(key.encode()) > _MAX_BYTES:
        raise BadValue(f"the key is longer than {_MAX_BYTES:,} bytes")


def _digest(values: Json, row_no: int) -> str:
    try:
        content = canonical_json(values)
    except (ValueError, RecursionError):  # no JSON text: ``clean`` makes the row dead; its number identifies it
        content = b"row %d" % row_no
    return hashlib.sha256(content).hexdigest()


def _key_values(domain: Domain, mapping: ColumnMapping, batch: BatchView, i: int) -> list[Json]:
    """Return the clean values of the key fields, so that one value in two file formats is one key."""
    columns = dict(mapping.fields)
    fields = {field.name: field for field in domain.fields}
    return [_clean_value(fields[name].rule, batch.columns[columns[name]][i]) for name in domain.key_fields]


def _clean_value(rule: CleaningRule, cell: object) -> Json:
    if is_null(cell):
        return None
    try:
        return rule(cell)
    except (BadValue, DropRow):  # ``clean`` does not make a record of this row
        return normal(cell)


def _key_text(cell: object, row_no: int) -> str | None:
    if is_null(cell):
        return None
    form = cell if isinstance(cell, str) else normal(cell)
    try:
        key = str(form) if isinstance(form, str) else json.dumps(form, ensure_ascii=False)
    except (ValueError, RecursionError):  # an integer of thousands of digits: too long for a key, as is this text
        return str(row_no).zfill(_MAX_BYTES + 1)
    return key.lower() if is_uuid(key) else key
