"""``bench search``: latency of each mode, alone and under load, against PostgreSQL without our indexes and scores."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product

import numpy as np

from pc_worker.bench import BenchResult, Figure
from pc_worker.bench.own_database import own_database
from pc_worker.bench.search.collection import DOMAIN, TOPICS, Collection, CollectionEncoder
from pc_worker.bench.search.reranking import rerank_figures
from pc_worker.encoding import Encoder, load_encoder
from pc_worker.garbage_collection import end_of_start
from pc_worker.services.search.index.indexes import build_indexes, index_status
from pc_worker.services.search.request import Mode, SearchRequest
from pc_worker.services.search.search import search
from pc_worker.settings import read_settings
from pc_worker.store.db.connection import Database
from pc_worker.store.search.filters.where import parse_where
from pc_worker.store.search.statistics import refresh_statistics

ROWS = 100_000
#: Of 200 searches, P99 is the second or third longest: two queries of common words alone would decide it.
QUERIES, ROUNDS = 200, 5
#: Searches of a new connection, filtered and not, that are not measured, and the most seconds that they take.
FIRST_QUERIES, READY_S = 4, 300
BASELINE_QUERIES = 20
MODES: tuple[Mode, ...] = ("vector", "text", "hybrid")
#: Milliseconds at concurrency 1 and 8 alike.
MUST_P50, MUST_P99, TARGET_P99 = 50.0, 200.0, 50.0
RECALL = 0.95

# What one would write first: no vector index, and PostgreSQL's own rank over a GIN of tsvector, OR of all words.
COMPARE_ALL = """
SELECT e.row_id FROM embeddings e JOIN rows r USING (domain, row_id)
WHERE e.domain = %(domain)s AND r.payload @> %(filter)s ORDER BY e.vector <=> %(vector)s::vector LIMIT 10
"""
PLAIN_RANK = """
SELECT row_id FROM plain_text, to_tsquery('english', %(words)s) AS query
WHERE words @@ query ORDER BY ts_rank_cd(words, query) DESC LIMIT 10
"""
PLAIN_TEXT = """
CREATE TABLE plain_text AS SELECT row_id, to_tsvector('english', text) AS words FROM rows;
CREATE INDEX ON plain_text USING gin (words)
"""


def run(*, rows: int = ROWS) -> BenchResult:
    """Measure ``rows`` rows of 384 dimensions; half of all queries are filtered to one of ten topics."""
    collection = Collection()
    with own_database() as url:
        database = Database(url, application="bench")
        fill(database, collection, rows)
        figures = [*_latencies(url, collection), *_recall(database)]
        _prepare_baseline(database)
        figures = [*figures, *_against_plain(url, database, collection)]
        database.close()
    return BenchResult("search", [*figures, *rerank_figures()])


def fill(database: Database, collection: Collection, rows: int) -> None:
    """Add rows until there are ``rows``, then do what follows a load: statistics, index, tuning."""
    collection.add(database, rows - collection.size)
    with database.transaction() as cursor:
        cursor.execute("ANALYZE rows; ANALYZE embeddings; ANALYZE row_terms")
    refresh_statistics(database, DOMAIN)
    build_indexes(database, DOMAIN)


def _latencies(url: str, collection: Collection) -> list[Figure]:
    end_of_start()  # as a server does: else the garbage collector visits the whole collection during a search
    figures = [_with_encoding(url, collection)]
    for mode, feedback, clients in product(MODES, (False, True), (1, 8)):
        times = latencies(url, collection, mode, clients=clients, feedback=feedback, rounds=ROUNDS)
        for percent, must, target in ((50, MUST_P50, None), (99, MUST_P99, TARGET_P99)):
            value = float(np.percentile(times, percent))
            name = f"{mode} with feedback" if feedback else mode
            label = f"{name} P{percent}, {clients} at once, ÷ the most allowed"
            figures.append(Figure(label, value, must, value / must, must, target, "ms, less is better"))
    return figures


def _with_encoding(url: str, collection: Collection) -> Figure:
    settings = read_settings()
    model = load_encoder(cache=settings.models, threads=settings.threads)
    times = latencies(url, collection, "hybrid", clients=1, model=model)
    value = float(np.median(times))
    label = "hybrid P50, 1 at once, with encoding by the built-in model, ÷ the most allowed"
    return Figure(label, value, MUST_P50, value / MUST_P50, MUST_P50, None, "ms, less is better")


def latencies(
    url: str,
    collection: Collection,
    mode: Mode,
    *,
    clients: int,
    feedback: bool = False,
    model: Encoder | None = None,
    rounds: int = 1,
) -> list[float]:
    """Return the milliseconds of 200 searches a round, asked by ``clients`` at once, each with its own connection.

    The connections are in use before: a server has them open, and one that opens takes processors from the others.
    """
    encoder, local, ready = CollectionEncoder(collection, model), threading.local(), threading.Barrier(clients)

    def ask(number: int, query: str) -> float:
        began = time.perf_counter()
        search(local.database, _request(query, mode, number, feedback=feedback), encoder=lambda _: encoder)
        return (time.perf_counter() - began) * 1000

    def prepare() -> None:
        local.database = Database(url, application="bench", read_only=True)
        for number, query in enumerate(first):
            ask(number, query)
        ready.wait(timeout=READY_S)

    first, queries = collection.queries(FIRST_QUERIES), collection.queries(QUERIES * rounds)
    with ThreadPoolExecutor(clients, initializer=prepare) as pool:
        return list(pool.map(ask, range(len(queries)), queries))


def _request(query: str, mode: Mode, number: int, *, feedback: bool = False) -> SearchRequest:
    where = [f"topic=t{number % TOPICS}"] if number % 2 else []
    return SearchRequest(query=query, domain=DOMAIN, mode=mode, where=parse_where(where), feedback=feedback)


def _recall(database: Database) -> list[Figure]:
    (built,) = [state.built for state in index_status(database, DOMAIN)]
    if built is None or built.recall_mean is None or built.recall_min is None:
        return []
    name = f"recall@10 of {built.method} at breadth {built.breadth}"
    return [
        Figure(f"{name}, mean", built.recall_mean, 1.0, built.recall_mean, RECALL, None, "of exact search"),
        Figure(f"{name}, worst query", built.recall_min, 1.0, built.recall_min, None, None, "of exact search"),
    ]


def _prepare_baseline(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
        cursor.execute(PLAIN_TEXT)
        cursor.execute("ANALYZE plain_text")


def _against_plain(url: str, database: Database, collection: Collection) -> list[Figure]:
    queries = collection.queries(BASELINE_QUERIES)
    plain: dict[Mode, Callable[[str], object]] = {
        "vector": partial(_compare_all, database, CollectionEncoder(collection)),
        "text": partial(_plain_rank, database),
    }
    figures = []
    for mode, ask in plain.items():
        ours = float(np.median(latencies(url, collection, mode, clients=1)))
        baseline = _median_ms(ask, queries)
        name = {"vector": "comparing all vectors", "text": "ts_rank_cd over GIN"}[mode]
        figures.append(Figure(f"{name} ÷ our {mode} search, P50", ours, baseline, baseline / ours, None, None, "ms"))
    return figures


def _median_ms(ask: Callable[[str], object], queries: Sequence[str]) -> float:
    times = []
    for query in queries:
        began = time.perf_counter()
        ask(query)
        times.append((time.perf_counter() - began) * 1000)
    return float(np.median(times))


def _compare_all(database: Database, encoder: CollectionEncoder, query: str) -> None:
    vector = str(encoder.encode_query(query).tolist())
    with database.transaction() as cursor:
        cursor.execute(COMPARE_ALL, {"domain": DOMAIN, "vector": vector, "filter": '{"topic": "t1"}'})
        cursor.fetchall()


def _plain_rank(database: Database, query: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(PLAIN_RANK, {"words": " | ".join(query.split())})
        cursor.fetchall()
