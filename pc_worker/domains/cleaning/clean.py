"""From a batch of source rows to outcomes: a record, a skipped row or a dead row each."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pc_worker.domains.cleaning.cells import BadValue, DropRow
from pc_worker.domains.cleaning.declared_row import declared_record
from pc_worker.domains.cleaning.keys import check_key
from pc_worker.domains.cleaning.records import CleanedRow, Dead, Record, Skipped
from pc_worker.domains.cleaning.whole_row import whole_row_record
from pc_worker.domains.declaration.column_mapping import ColumnMapping
from pc_worker.domains.declaration.domain import Domain
from pc_worker.domains.declaration.table import BatchView


def clean(
    domain: Domain,
    mapping: ColumnMapping,
    batch: BatchView,
    *,
    keys: Sequence[str | None],
    superseded: Collection[int],
    left_out: Collection[int] = (),
) -> list[CleanedRow]:
    """Return one outcome per row of ``batch`` that is not left out, in row order.

    The first that applies: superseded → skipped, null key → dead, a rule drops the row → skipped, a bad
    value → dead, else a record. Pure: the same batch has the same outcomes.

    Args:
        domain: The domain with its rules.
        mapping: The result of ``resolve`` for this source.
        batch: Rows read with ``mapping.columns``.
        keys: ``row_keys`` of this batch, with occurrence numbers if there is no key column.
        superseded: Numbers, in the source, of rows whose key occurs again later.
        left_out: Numbers of rows that have no outcome here.
    """
    return [
        _outcome(domain, mapping, batch, i, key, superseded=batch.start + i in superseded)
        for i, key in enumerate(keys)
        if batch.start + i not in left_out
    ]


def _outcome(
    domain: Domain, mapping: ColumnMapping, batch: BatchView, i: int, key: str | None, *, superseded: bool
) -> CleanedRow:
    row_no = batch.start + i
    if superseded:
        return Skipped(row_no, "a later row of the file has the same key")
    if key is None:
        return Dead(row_no, "the key is null")
    try:
        return _record(domain, mapping, batch, i, key)
    except DropRow as reason:
        return Skipped(row_no, str(reason))
    except BadValue as reason:
        return Dead(row_no, str(reason))


def _record(domain: Domain, mapping: ColumnMapping, batch: BatchView, i: int, key: str) -> Record:
    check_key(key)
    if domain.any_table is not None:
        return whole_row_record(mapping, batch, i, key)
    return declared_record(domain, mapping, batch, i, key)
