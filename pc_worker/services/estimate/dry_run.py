"""The dry run: write sampled rows as a chunk does and roll back, to measure their seconds and bytes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from pc_worker.domains import ColumnMapping, Domain, Record, content_hash
from pc_worker.encoding import text_hash
from pc_worker.model import DEFAULT_CHUNK_ROWS, Model, PassageVector, RowOrigin
from pc_worker.reader import Table
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.rows.dead_letter import row_form
from pc_worker.services.ingest.rows.prepare import Candidate, Passages, PreparedRows, RowContext, prepare_rows
from pc_worker.store.db.connection import Cursor
from pc_worker.store.log import append
from pc_worker.store.rows import merge
from pc_worker.store.rows.identities import row_ids
from pc_worker.store.rows.merge import dry_run_bytes, dry_run_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The source to estimate, and what is known of it before its rows are read."""

    path: str
    domain: Domain
    mapping: ColumnMapping
    table: Table
    model: Model
    superseded: Collection[int]
    occurrences: Mapping[int, int]

    @property
    def context(self) -> RowContext:
        """What its rows are prepared with."""
        return RowContext(
            domain=self.domain, mapping=self.mapping, model=self.model, form=row_form(self.table, self.path)
        )


@dataclass(frozen=True, slots=True)
class DryRun:
    """The cost of writing: seconds without the encoder and the commit, and bytes with indexes."""

    seconds: float
    stored_bytes: int


def dry_run(services: Services, subject: Subject, records: Sequence[Record]) -> DryRun:
    """Write rows, with placeholder vectors of the right shape, into copies of the tables, and roll back."""
    if not records:
        return DryRun(0.0, 0)
    seconds = 0.0
    with dry_run_tables(services.database, subject.domain.name) as cursor:
        empty = dry_run_bytes(cursor)
        for start in range(0, len(records), DEFAULT_CHUNK_ROWS):
            began = perf_counter()
            _write(cursor, subject, _prepare(services, subject, records[start : start + DEFAULT_CHUNK_ROWS], cursor))
            seconds += perf_counter() - began
        return DryRun(seconds, dry_run_bytes(cursor) - empty)


def _prepare(services: Services, subject: Subject, records: Sequence[Record], cursor: Cursor) -> PreparedRows:
    ids = row_ids(cursor, subject.domain.name, subject.mapping.scope, [record.key for record in records])
    candidates = [Candidate(record=r, row_id=ids[r.key], content_hash=content_hash(r)) for r in records]
    passages = {record.row_no: _passages(services, subject, record) for record in records}
    return prepare_rows(subject.context, candidates, passages)


def _write(cursor: Cursor, subject: Subject, ready: PreparedRows) -> None:
    rows, domain, model_id = list(ready.writes.values()), subject.domain.name, subject.model.model_id
    ids = [row.row_id for row in rows]
    origin = RowOrigin(domain=domain, source=subject.mapping.source, job_seq=1, model_id=model_id)
    merge.upsert_rows(cursor, origin=origin, rows=rows, fresh=ids)
    append.append_log(cursor, domain=domain, ids=ids, job_id=None, model_id=model_id)


def _passages(services: Services, subject: Subject, record: Record) -> Passages:
    if record.vector is not None:
        return (PassageVector(0, 0, None, record.vector),)
    text = record.text or ""
    spans = [(0, len(text))]
    if subject.domain.any_table is not None:
        spans = [(span.start, span.end) for span in services.encoder(subject.model).passages(text)]
    vector = np.full(subject.model.dimension, subject.model.dimension**-0.5, dtype=np.float32)
    return tuple(PassageVector(start, end, text_hash(text[start:end]), vector) for start, end in spans)
