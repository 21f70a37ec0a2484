"""Jobs and rows for tests of the store, without a source."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence

import numpy as np

from pc_worker.model import ChunkSpec, Job, Lease, LogBatch, PassageVector, RowWrite, Tally
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.ledger import jobs, leases
from pc_worker.store.log import append
from pc_worker.store.models import registry
from pc_worker.store.rows import merge
from pc_worker.store.search.terms import row_terms

_numbers = itertools.count()


def make_job(database: Database, *, rows: int = 10, chunk: int = 5, domain: str | None = None) -> Job:
    """Return a running job of a new domain, with its chunks."""
    name, job_id = domain or f"d{next(_numbers)}", f"job{next(_numbers)}"
    with database.transaction() as cursor:
        model = registry.register_model(cursor, name="test", revision="1", dimension=3, normalised=True, encodable=True)
        registry.ensure_domain(cursor, name, model)
        jobs.create_job(cursor, job_id=job_id, domain=name, source="/f", request={}, max_dead=0)
        jobs.start_job(cursor, job_id)
        starts = range(0, rows, chunk)
        chunks = [
            ChunkSpec(chunk_no=i, first_row=first, row_count=min(chunk, rows - first), superseded=[], occurrences=None)
            for i, first in enumerate(starts)
        ]
        jobs.record_split(
            cursor, job_id, plan={}, fingerprint={}, model_id=model.model_id, rows_total=rows, chunks=chunks
        )
        return jobs.find_job(cursor, job_id)


def acquire(database: Database, job: Job, chunk_no: int, *, lease_s: float = 60.0) -> Lease | str:
    """Lease a chunk in a transaction of its own."""
    return database.repeat(lambda cursor: leases.acquire_lease(cursor, job.job_id, chunk_no, lease_s=lease_s))


def row(row_no: int, row_id: uuid.UUID | None = None, content: str = "a") -> RowWrite:
    """Return a row with one vector."""
    vector = np.asarray([1.0, row_no, 0.5], np.float32)
    return RowWrite(
        row_no=row_no,
        row_id=row_id or uuid.uuid4(),
        key=f"k{row_no}",
        payload_json=f'{{"n": {row_no}, "content": "{content}"}}',
        text=content,
        content_hash=content.encode(),
        wire=b"wire",
        terms=row_terms("d", f"word{row_no} {content}", {"n": row_no}),
        passages=(PassageVector(0, 1, content.encode(), vector),),
    )


def write(cursor: Cursor, job: Job, rows: Sequence[RowWrite]) -> LogBatch | None:
    """Merge rows and assign positions, as a chunk does."""
    stored = merge.read_stored(
        cursor, domain=job.domain, model_id=job.model_id or 0, ids=[r.row_id for r in rows], lock=True
    )
    fresh = {r.row_id for r in rows if r.row_id not in stored}
    merge.upsert_rows(cursor, origin=job.row_origin("s"), rows=rows, fresh=fresh)
    return append.append_log(
        cursor, domain=job.domain, ids=[r.row_id for r in rows], job_id=job.job_id, model_id=job.model_id or 0
    )


def finish(database: Database, held: Lease, tally: Tally) -> bool:
    """Record a chunk as done; return True if the job has ended."""
    with database.transaction() as cursor:
        return leases.finish_chunk(cursor, held.job.job_id, held.chunk_no, attempt=held.attempt, tally=tally)
