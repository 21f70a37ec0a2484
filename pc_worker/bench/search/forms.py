"""Forms of a vector index side by side: bytes a vector, time to build, recall and latency.

Each form is built, tuned and searched by the code that serves searches, then dropped. The vectors are made: subjects
around topics, rows around subjects, with a spectrum that falls like that of text models. The queries are further rows
of the same subjects, which are not stored.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
import psutil
import psycopg2.errors
from numpy.typing import NDArray

from pc_worker.bench.own_database import own_database
from pc_worker.bench.processor import processor
from pc_worker.domains import domain_names
from pc_worker.services.search.index.index_choice import choose_index
from pc_worker.services.search.index.indexes import choose_breadth
from pc_worker.store.db import copy
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.models.registry import ensure_domain, register_model
from pc_worker.store.search.index.build import IndexSpec, build_index, drop_index, maintenance
from pc_worker.store.search.index.catalog import IndexState, index_states, leftover_indexes, record_index
from pc_worker.store.search.index.memory import ServerMemory, own_memory
from pc_worker.store.search.index.recall import TOP, Recall, RecallQuery, neighbours
from pc_worker.store.search.scope import NO_ROW, Method
from pc_worker.store.search.scores.nearest import vector_text
from pc_worker.store.search.vector_form import Precision

#: Method and precision of each form; the numbers of a binary index are compared again by the vectors.
FORMS: dict[str, tuple[Method, Precision]] = {
    "ivfflat": ("ivfflat", "full"),
    "ivfflat-half": ("ivfflat", "half"),
    "hnsw-binary": ("hnsw", "binary"),
    "hnsw-half": ("hnsw", "half"),
    "hnsw": ("hnsw", "full"),
}
QUERIES = 100
BATCH = 20_000
#: Rows of a subject, and the parts of a vector: of its topic, its subject and the row itself.
ROWS_OF_SUBJECT, TOPICS = 50, 500
PARTS = (1.0, 0.7, 0.6)
#: The standard deviation of a vector's n-th component falls with n to this power; a rotation then mixes them.
DECAY = -0.4
#: pgvector sums in float32: rows as near as the tenth count as found.
TOLERANCE = 1e-5
TARGET = 0.95
COLUMNS = ("domain", "row_id", "model_id", "passage", "dimension", "start_char", "end_char", "vector")
# The rows themselves are not needed; without a log of changes the table is filled as fast as the disk is.
PREPARE = """
ALTER TABLE embeddings DROP CONSTRAINT embeddings_domain_row_id_fkey;
ALTER TABLE embeddings SET UNLOGGED
"""
#: As a table in Markdown.
LINE = "| {:<12} | {:>7} | {:>6} | {:>6} | {:>7} | {:>6} | {:>6} | {:>8} | {:>8} | {:>9} |"
HEAD = ("form", "B/vec", "s", "CPU s", "breadth", "mean", "least", "k=10 ms", "CPU ms", "k=100 ms")

#: Shape (n, dimension).
Vectors = NDArray[np.float32]


class Mixture:
    """Makes vectors of subjects; the same ones for the same seed, size and dimension."""

    def __init__(self, rows: int, dimension: int) -> None:
        self._random = np.random.default_rng(11)
        self._spread = np.arange(1, dimension + 1, dtype=np.float32) ** np.float32(DECAY)
        mixed, _ = np.linalg.qr(self._normal(dimension, dimension))
        self._rotation = mixed.astype(np.float32)
        self._topics = self._normal(TOPICS, dimension)
        self._subjects = self._normal(max(1, rows // ROWS_OF_SUBJECT), dimension)
        self._topic_of = self._random.integers(TOPICS, size=len(self._subjects))

    def _normal(self, count: int, dimension: int) -> Vectors:
        return self._random.standard_normal((count, dimension), dtype=np.float32)

    def vectors(self, count: int) -> Vectors:
        """Return the next unit vectors, shape (count, dimension)."""
        subjects = self._random.integers(len(self._subjects), size=count)
        of_topic, of_subject, own = PARTS
        total = of_topic * self._topics[self._topic_of[subjects]] + of_subject * self._subjects[subjects]
        total += own * self._normal(count, total.shape[1])
        total = (total * self._spread) @ self._rotation
        return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True), np.float32)


class Truth:
    """The true neighbours of queries among the vectors that were shown."""

    def __init__(self, queries: Vectors) -> None:
        self._queries = queries
        self._best = np.full((len(queries), TOP), -np.inf, np.float32)

    def add(self, vectors: Vectors) -> None:
        """Compare all of these vectors, shape (n, dim), with the queries."""
        found = np.hstack([self._best, self._queries @ vectors.T])
        self._best = -np.partition(-found, TOP - 1, axis=1)[:, :TOP]

    def questions(self) -> list[RecallQuery]:
        """Return the queries with the similarities of their neighbours, nearest first."""
        ordered = -np.sort(-self._best, axis=1) - TOLERANCE
        return [
            RecallQuery(NO_ROW, vector_text(query), truth)
            for query, truth in zip(self._queries, ordered.tolist(), strict=True)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFormCost:
    """A form of index; ``built`` and ``searched`` are seconds and milliseconds of the wall clock and the processor.

    Attributes:
        form: Its name.
        bytes_a_vector: The size of the index, per vector.
        built: Seconds of the build; of the processor, by all processes of the server.
        breadth: ef_search or probes with which the recall reaches the target.
        recall: Recall@10 with that breadth.
        p50_ms: Median milliseconds of a search for 10 and for 100 neighbours.
        cpu_ms: Mean milliseconds of the processor of the former.
    """

    form: str
    bytes_a_vector: float
    built: tuple[float, float]
    breadth: int
    recall: Recall
    p50_ms: tuple[float, float]
    cpu_ms: float


def measure(
    rows: int, dimension: int, forms: Sequence[str], *, minutes: float, memory: int
) -> Iterator[IndexFormCost | str]:
    """Fill an own server, and yield each form's figures, or why it was not built.

    Args:
        rows: The number of vectors.
        dimension: Their dimension.
        forms: Names of FORMS.
        minutes: The most time that one build may take.
        memory: The most `maintenance_work_mem` of a build, in bytes.
    """
    with own_database() as url:
        database = Database(url, application="bench")
        questions = fill(database, rows, dimension)
        for form in forms:
            yield _measured(database, form, questions, minutes=minutes, memory=memory)
        database.close()


def fill(database: Database, rows: int, dimension: int) -> list[RecallQuery]:
    """Store vectors and return queries with their true neighbours."""
    domain, mixture = domain_names()[0], Mixture(rows, dimension)
    truth = Truth(mixture.vectors(QUERIES))
    with database.transaction() as cursor:
        cursor.execute(PREPARE)
        model = register_model(cursor, name="bench", revision="1", dimension=dimension, normalised=True, encodable=True)
        ensure_domain(cursor, domain, model)
    for first in range(0, rows, BATCH):
        vectors = mixture.vectors(min(BATCH, rows - first))
        truth.add(vectors)
        with database.transaction() as cursor:
            copy.copy_rows(cursor, "embeddings", COLUMNS, _fields(domain, model.model_id, first, vectors))
    connection = database.connection
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE embeddings")
    database.close()
    return truth.questions()


def _fields(domain: str, model_id: int, first: int, vectors: Vectors) -> Iterator[tuple[copy.Field, ...]]:
    own = (copy.int4(model_id), copy.int2(0), copy.int4(vectors.shape[1]), copy.int4(0), copy.int4(0))
    name = copy.text(domain)
    for number, vector in enumerate(copy.vectors(vectors), start=first + 1):
        yield name, copy.uuid(UUID(int=number)), *own, vector


def _measured(
    database: Database, name: str, questions: Sequence[RecallQuery], *, minutes: float, memory: int
) -> IndexFormCost | str:
    method, precision = FORMS[name]
    (state,) = _states(database)
    here = ServerMemory(own_memory(), "the memory of this machine")
    spec = choose_index(state.vectors, state.dimension, here, method=method, precision=precision)
    if spec is None:
        return f"{name}: nothing to build for {state.vectors:,} vectors"
    with maintenance(database) as cursor:
        took = None if cursor is None else _build(cursor, state, spec, minutes=minutes, memory=memory)
    if took is None:
        return f"{name}: not built within {minutes:g} minutes"
    (state,) = _states(database)
    with database.transaction() as cursor:
        breadth, recall = choose_breadth(cursor, state, list(questions), TARGET)
        (k_10, cpu_ms), (k_100, _) = (_latency(cursor, state, questions, breadth, k) for k in (TOP, 10 * TOP))
    size = 0 if state.built is None else state.built.size_bytes
    _drop_all(database)
    return IndexFormCost(
        form=name,
        bytes_a_vector=size / state.vectors,
        built=took,
        breadth=breadth,
        recall=recall,
        p50_ms=(k_10, k_100),
        cpu_ms=cpu_ms,
    )


def _states(database: Database) -> list[IndexState]:
    with database.transaction() as cursor:
        return index_states(cursor, domain_names()[0])


def _build(
    cursor: Cursor, state: IndexState, spec: IndexSpec, *, minutes: float, memory: int
) -> tuple[float, float] | None:
    """Build an index and return the seconds of the wall clock and of the processor; None after too many minutes."""
    cursor.execute("SET statement_timeout = %s", (round(minutes * 60_000),))
    began, used = time.perf_counter(), _server_s(cursor)
    try:
        name = build_index(cursor, state, spec, memory_bytes=memory)
    except psycopg2.errors.QueryCanceled:
        cursor.execute("SET statement_timeout = 0")
        for left in leftover_indexes(cursor):
            drop_index(cursor, left)
        return None
    took = time.perf_counter() - began, _server_s(cursor) - used
    record_index(cursor, state, name, method=spec.method, form=spec.form, lists=spec.lists)
    return took


def _drop_all(database: Database) -> None:
    with maintenance(database) as cursor:
        if cursor is not None:
            cursor.execute("DELETE FROM vector_indexes")
            for name in leftover_indexes(cursor):
                drop_index(cursor, name)


def _server_s(cursor: Cursor) -> float:
    """Return the processor seconds of this session's process and of all processes of the server that have ended."""
    own = psutil.Process(cursor.connection.info.backend_pid)
    server = own.parent()
    ended = server.cpu_times() if server is not None else own.cpu_times()
    return own.cpu_times().user + own.cpu_times().system + ended.children_user + ended.children_system


def _latency(
    cursor: Cursor, state: IndexState, questions: Sequence[RecallQuery], breadth: int, k: int
) -> tuple[float, float]:
    """Return the median milliseconds of a search, and the mean ones of the server's processor."""
    index = None if state.searched_by is None else replace(state.searched_by, breadth=breadth)
    times, used = [], _server_s(cursor)
    for question in questions:
        began = time.perf_counter()
        neighbours(cursor, state, question, index, limit=k)
        times.append((time.perf_counter() - began) * 1000)
    return float(np.median(times)), (_server_s(cursor) - used) * 1000 / len(questions)


def _row(found: IndexFormCost) -> str:
    numbers = (*found.built, found.breadth, found.recall.mean, found.recall.least)
    shown = [f"{found.bytes_a_vector:,.0f}", f"{numbers[0]:.0f}", f"{numbers[1]:.0f}", str(found.breadth)]
    shown += [f"{found.recall.mean:.3f}", f"{found.recall.least:.1f}"]
    return LINE.format(found.form, *shown, *(f"{ms:.1f}" for ms in (found.p50_ms[0], found.cpu_ms, found.p50_ms[1])))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m pc_worker.bench.search.forms", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS), help="in this order")
    parser.add_argument("--minutes", type=float, default=15, help="the most that one build may take")
    parser.add_argument("--memory", type=int, default=4_096, help="the most maintenance_work_mem of a build, in MB")
    asked = parser.parse_args(arguments)
    out = sys.stdout
    out.write(f"{processor()}; {asked.rows:,} x {asked.dimension:,}; maintenance_work_mem at most {asked.memory} MB\n")
    out.write(LINE.format(*HEAD) + "\n" + re.sub("[^|]", "-", LINE.format(*HEAD)) + "\n")
    found = measure(asked.rows, asked.dimension, asked.forms, minutes=asked.minutes, memory=asked.memory << 20)
    for each in found:
        out.write(f"{_row(each) if isinstance(each, IndexFormCost) else each}\n")
        out.flush()


if __name__ == "__main__":
    main()
