"""``bench upsert``: rows a second into PostgreSQL, ours against plain inserts and against a bare COPY."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median

import numpy as np
from psycopg2.extras import execute_values

from pc_worker.bench import BenchResult, Figure
from pc_worker.bench.own_database import own_database
from pc_worker.model import DEFAULT_CHUNK_ROWS, ChunkSpec, Job, Lease, LogBatch, PassageVector, RowWrite, Tally
from pc_worker.store.db import copy
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.db.planner_statistics import analyze_after_growth
from pc_worker.store.ledger import jobs, leases
from pc_worker.store.log import append
from pc_worker.store.models import registry
from pc_worker.store.rows import merge
from pc_worker.store.search.terms import row_terms

CHUNK = DEFAULT_CHUNK_ROWS
#: dimension → rows: of the built-in model, and of the vectors that the stock domains bring.
SIZES = {384: 12_000, 1536: 4_800}
ROUNDS = 3


def run() -> BenchResult:
    """Measure three ways of storing the same rows, in turn, for vectors of both sizes in use."""
    return BenchResult("upsert", [figure for dimension in SIZES for figure in _measure(dimension)])


def _measure(dimension: int) -> list[Figure]:
    """Return the medians of ROUNDS rounds, each on a new database."""
    rows = _rows(SIZES[dimension], dimension)
    rounds = [_round(rows) for _ in range(ROUNDS)]
    ours, plain, bare = (median(rates) for rates in zip(*rounds, strict=True))
    usual, least = f"{dimension}-d ÷ execute_values with text vectors", f"{dimension}-d ÷ binary COPY, no index"
    return [
        Figure(usual, round(ours), round(plain), round(ours / plain, 2), 8.0, 15.0, "rows/s"),
        Figure(least, round(ours), round(bare), round(ours / bare, 2), None, 0.3, "rows/s"),
    ]


def _round(rows: Sequence[RowWrite]) -> tuple[float, float, float]:
    with _database() as database:
        return (
            _rate(lambda: _ours(database, rows), rows),
            _rate(lambda: _execute_values(database, rows), rows),
            _rate(lambda: _bare_copy(database, rows), rows),
        )


def _rate(work: Callable[[], None], rows: Sequence[RowWrite]) -> float:
    began = time.perf_counter()
    work()
    return len(rows) / (time.perf_counter() - began)


@contextmanager
def _database() -> Iterator[Database]:
    with own_database() as url:
        database = Database(url, application="bench")
        database.repeat(lambda cursor: cursor.execute("SELECT 1"))  # connects before the clock runs
        yield database
        database.close()


def _rows(count: int, dimension: int) -> list[RowWrite]:
    random = np.random.default_rng(1)
    vectors = random.standard_normal((count, dimension)).astype(np.float32)
    words = [f"word{n}" for n in range(5000)]
    result = []
    for n in range(count):
        text = " ".join(words[i] for i in random.integers(0, len(words), 30))
        result.append(
            RowWrite(
                row_no=n,
                row_id=uuid.UUID(bytes=random.bytes(16), version=4),
                key=f"key-{n}",
                payload_json=f'{{"text": "{text}", "n": {n}}}',
                text=text,
                content_hash=random.bytes(32),
                wire=text.encode(),
                terms=row_terms("bench", text, {"n": n}),
                passages=(PassageVector(0, len(text), random.bytes(16), vectors[n]),),
            )
        )
    return result


def _ours(database: Database, rows: Sequence[RowWrite]) -> None:
    job = _job(database, rows)
    for number in range(len(rows) // CHUNK):
        lease = database.repeat(lambda cursor, n=number: leases.acquire_lease(cursor, job.job_id, n, lease_s=60))  # type: ignore[misc]  # binds the loop's value
        assert isinstance(lease, Lease)  # noqa: S101 - a bench of our own chunks
        with database.transaction() as cursor:
            log_batch = _write(cursor, job, lease, rows[number * CHUNK : (number + 1) * CHUNK])
        analyze_after_growth(database, log_batch)


def _write(cursor: Cursor, job: Job, lease: Lease, rows: Sequence[RowWrite]) -> LogBatch | None:
    ids, model_id = [row.row_id for row in rows], job.model_id or 0
    stored = merge.read_stored(cursor, domain=job.domain, model_id=model_id, ids=ids, lock=True)
    merge.upsert_rows(cursor, origin=job.row_origin("bench"), rows=rows, fresh=set(ids) - set(stored))
    leases.finish_chunk(cursor, job.job_id, lease.chunk_no, attempt=lease.attempt, tally=Tally(written=len(rows)))
    return append.append_log(cursor, domain=job.domain, ids=ids, job_id=job.job_id, model_id=model_id)


def _job(database: Database, rows: Sequence[RowWrite]) -> Job:
    with database.transaction() as cursor:
        model = registry.register_model(
            cursor,
            name="bench",
            revision="1",
            dimension=len(rows[0].passages[0].vector),
            normalised=False,
            encodable=False,
        )
        registry.ensure_domain(cursor, "bench", model)
        jobs.create_job(cursor, job_id="bench", domain="bench", source="/bench", request={}, max_dead=0)
        jobs.start_job(cursor, "bench")
        chunks = [
            ChunkSpec(chunk_no=n, first_row=n * CHUNK, row_count=CHUNK, superseded=[], occurrences=None)
            for n in range(len(rows) // CHUNK)
        ]
        jobs.record_split(
            cursor, "bench", plan={}, fingerprint={}, model_id=model.model_id, rows_total=len(rows), chunks=chunks
        )
        return jobs.find_job(cursor, "bench")


PLAIN_TABLES = """
CREATE TABLE plain_rows (LIKE rows INCLUDING ALL);
CREATE TABLE plain_embeddings (LIKE embeddings INCLUDING ALL);
CREATE TABLE plain_terms (LIKE row_terms INCLUDING ALL);
ALTER TABLE plain_embeddings ADD FOREIGN KEY (domain, row_id) REFERENCES plain_rows ON DELETE CASCADE;
ALTER TABLE plain_embeddings ADD FOREIGN KEY (model_id, dimension) REFERENCES models (model_id, dimension);
ALTER TABLE plain_terms ADD FOREIGN KEY (domain, row_id) REFERENCES plain_rows ON DELETE CASCADE;
"""
PLAIN_ROWS = """
INSERT INTO plain_rows (domain, row_id, source, key, payload, text, content_hash, wire, job_seq, seen_seq) VALUES %s
ON CONFLICT (domain, row_id) DO UPDATE SET payload = excluded.payload
"""
PLAIN_VECTORS = """
INSERT INTO plain_embeddings
    (domain, row_id, model_id, passage, dimension, start_char, end_char, text_hash, vector) VALUES %s
ON CONFLICT (domain, row_id, model_id, passage) DO UPDATE SET vector = excluded.vector
"""
PLAIN_TERMS = """
INSERT INTO plain_terms (domain, row_id, terms, counts, length) VALUES %s
ON CONFLICT (domain, row_id) DO UPDATE SET terms = excluded.terms
"""


def _execute_values(database: Database, rows: Sequence[RowWrite]) -> None:
    """Measure the usual way: multi-row upserts of text, a transaction per chunk, into the same tables and indexes."""
    with database.transaction() as cursor:
        cursor.execute(PLAIN_TABLES)
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        with database.transaction() as cursor:
            execute_values(cursor, PLAIN_ROWS, [_plain_row(row) for row in chunk])
            execute_values(cursor, PLAIN_VECTORS, [_plain_vector(row) for row in chunk])
            execute_values(cursor, PLAIN_TERMS, [_plain_terms(row) for row in chunk])


def _plain_row(row: RowWrite) -> tuple[object, ...]:
    return ("b", str(row.row_id), "s", row.key, row.payload_json, row.text, row.content_hash, row.wire, 1, 1)


def _plain_vector(row: RowWrite) -> tuple[object, ...]:
    (passage,) = row.passages
    numbers = str(passage.vector.tolist())
    return ("b", str(row.row_id), 1, 0, len(passage.vector), passage.start, passage.end, passage.text_hash, numbers)


def _plain_terms(row: RowWrite) -> tuple[object, ...]:
    return ("b", str(row.row_id), row.terms.ids, _sparse_text(row), row.terms.length)


def _sparse_text(row: RowWrite) -> str:
    words = [term for term in row.terms.ids if term > 0]
    pairs = ",".join(f"{term}:{count}" for term, count in zip(words, row.terms.counts, strict=True))
    return f"{{{pairs}}}/1000000000"


def _bare_copy(database: Database, rows: Sequence[RowWrite]) -> None:
    with database.transaction() as cursor:
        cursor.execute("CREATE TABLE bare (row_id uuid, key text, payload jsonb, text text, wire bytea, vector vector)")
    for start in range(0, len(rows), CHUNK):
        with database.transaction() as cursor:
            copy.copy_rows(
                cursor,
                "bare",
                ("row_id", "key", "payload", "text", "wire", "vector"),
                (
                    (
                        copy.uuid(r.row_id),
                        copy.text(r.key),
                        copy.jsonb(r.payload_json),
                        copy.text(r.text),
                        r.wire,
                        copy.vector(r.passages[0].vector),
                    )
                    for r in rows[start : start + CHUNK]
                ),
            )
