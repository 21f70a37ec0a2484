"""Write sampled rows as a chunk would, and undo it: what they take in seconds and bytes is then known."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter

import numpy as np

from pc_worker.domains import ColumnMapping, Domain, Record, content_hash
from pc_worker.encoding import text_hash
from pc_worker.model import Job, Model, PassageVector
from pc_worker.reader import Table
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.embed import Passages
from pc_worker.services.ingest.prepare import Cleaned
from pc_worker.services.ingest.process_chunk import row_form
from pc_worker.services.ingest.write_rows import Candidate, Ready, Work, made_ready
from pc_worker.store.db.connection import Cursor
from pc_worker.store.log import append
from pc_worker.store.rows import merge
from pc_worker.store.rows.identities import row_ids
from pc_worker.store.rows.merge import dry_run_bytes, dry_run_tables

#: Rows that are read and written together, as many as a chunk.
STRETCH = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The source that is planned, and what is known of it."""

    path: str
    domain: Domain
    mapping: ColumnMapping
    table: Table
    model: Model
    superseded: Collection[int]
    occurrences: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What writing took: seconds from clean rows to all but the commit, without the encoder; bytes with indexes."""

    seconds: float
    stored_bytes: int


def rehearse(services: Services, subject: Subject, records: Sequence[Record]) -> Rehearsed:
    """Write rows with any vectors of the right shape into copies of the tables, and roll back."""
    if not records:
        return Rehearsed(0.0, 0)
    seconds = 0.0
    with dry_run_tables(services.database, subject.domain.name) as cursor:
        empty = dry_run_bytes(cursor)
        for start in range(0, len(records), STRETCH):
            began = perf_counter()
            _write(cursor, subject, _ready(services, subject, records[start : start + STRETCH], cursor))
            seconds += perf_counter() - began
        return Rehearsed(seconds, dry_run_bytes(cursor) - empty)


def _ready(services: Services, subject: Subject, records: Sequence[Record], cursor: Cursor) -> Ready:
    ids = row_ids(cursor, subject.domain.name, subject.mapping.scope, [record.key for record in records])
    wanted = [Candidate(record=r, row_id=ids[r.key], content_hash=content_hash(r)) for r in records]
    work = Work(
        job=_job(subject),
        domain=subject.domain,
        mapping=subject.mapping,
        model=subject.model,
        chunk_no=0,
        cleaned=Cleaned(records=(), letters=(), skipped=0),
        form=row_form(subject.table, subject.path),
    )
    return made_ready(work, wanted, {record.row_no: _passages(services, subject, record) for record in records})


def _write(cursor: Cursor, subject: Subject, ready: Ready) -> None:
    rows = list(ready.writes.values())
    ids = [row.row_id for row in rows]
    merge.upsert_rows(cursor, job=_job(subject), source=subject.mapping.source, rows=rows, fresh=ids)
    append.append_log(cursor, domain=subject.domain.name, ids=ids, job_id=None, model_id=subject.model.model_id)


def _passages(services: Services, subject: Subject, record: Record) -> Passages:
    if record.vector is not None:
        return (PassageVector(0, 0, None, record.vector),)
    text = record.text or ""
    spans = [(0, len(text))]
    if subject.domain.any_table is not None:
        spans = [(span.start, span.end) for span in services.encoder(subject.model).passages(text)]
    vector = np.full(subject.model.dimension, subject.model.dimension**-0.5, dtype=np.float32)
    return tuple(PassageVector(start, end, text_hash(text[start:end]), vector) for start, end in spans)


def _job(subject: Subject) -> Job:
    """A job that is nowhere: it lends the rows its domain, model and number."""
    return Job(
        job_id="plan",
        seq=1,
        domain=subject.domain.name,
        source=subject.path,
        request={},
        plan=subject.mapping.to_dict(),
        fingerprint=None,
        model_id=subject.model.model_id,
        state="running",
        max_dead=0,
        rows_total=0,
        rows_written=0,
        rows_unchanged=0,
        rows_skipped=0,
        rows_dead=0,
        texts_encoded=0,
        chunks_total=0,
        chunks_done=0,
        error=None,
        created_at=datetime.now(UTC),
        started_at=None,
        finished_at=None,
    )
