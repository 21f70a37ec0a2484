"""Vectors and term counts in the database are the same to us and to pgvector's own adapter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import psycopg2
import pytest
from pgvector import SparseVector, Vector
from pgvector.psycopg2 import register_vector

from pc_worker.store.db.connection import Database
from pc_worker.store.rows.vectors import known_vectors
from pc_worker.store.search.words.term_hash import DIMENSION
from tests.integration.store.rows import make_job, row, write


@pytest.fixture
def adapted(database: Database, database_url: str) -> Iterator[Any]:
    """Yield a cursor of a plain psycopg2 connection with pgvector's adapter, in a migrated database."""
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    register_vector(connection)
    with connection.cursor() as cursor:
        yield cursor
    connection.close()


def test_pgvectors_adapter_reads_what_we_wrote(database: Database, adapted: Any) -> None:
    job = make_job(database)
    rows = [row(n, content="tea tea coffee") for n in range(3)]
    with database.transaction() as cursor:
        write(cursor, job, rows)

    adapted.execute(
        "SELECT r.key, e.vector, t.counts FROM rows r JOIN embeddings e USING (domain, row_id)"
        " JOIN row_terms t USING (domain, row_id) WHERE domain = %s",
        (job.domain,),
    )

    read = {key: (vector, counts) for key, vector, counts in adapted.fetchall()}
    words = {r.key: [term for term in r.terms.ids if term > 0] for r in rows}
    assert read == {
        r.key: (
            Vector(r.passages[0].vector),
            SparseVector({term - 1: n for term, n in zip(words[r.key], r.terms.counts, strict=True)}, DIMENSION),
        )
        for r in rows
    }


def test_we_read_what_pgvectors_adapter_wrote(database: Database, adapted: Any) -> None:
    job = make_job(database)
    stored = replace(row(0), key="k")
    with database.transaction() as cursor:
        write(cursor, job, [stored])
    value = np.asarray([0.1, -3.4028235e38, 1e-45], np.float32)

    adapted.execute("UPDATE embeddings SET vector = %s WHERE domain = %s", (Vector(value), job.domain))

    hashes = [passage.text_hash for passage in stored.passages if passage.text_hash is not None]
    with database.transaction() as cursor:
        (known,) = known_vectors(cursor, model_id=job.model_id or 0, hashes=hashes).values()
    assert known.tobytes() == value.tobytes()
