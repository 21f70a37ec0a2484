"""Quality on judged collections: ``python -m pc_worker.bench.search.quality FOLDER`` prints a line per way to search.

FOLDER has for each collection a table ``NAME.parquet`` and its judged queries ``NAME.jsonl``, as `eval` reads them. The
first three ways are the textbook's: all words of the query, lists of 20, reciprocal rank fusion.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from itertools import count
from pathlib import Path

import psycopg2
from psycopg2 import sql
from pydantic import SecretStr

from pc_worker.bench.own_folder import own_folder
from pc_worker.bench.processor import processor
from pc_worker.embedded import EmbeddedServers, start_servers
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.process_chunk import after_job, process_chunk
from pc_worker.services.ingest.split import split
from pc_worker.services.ingest.submit import IngestRequest, submit
from pc_worker.services.jobs.job_control import job_status
from pc_worker.services.search.quality.evaluate import Quality, evaluate, mean_quality, resolved
from pc_worker.services.search.quality.judgements import JudgedQuery, read_judgements
from pc_worker.settings import Settings
from pc_worker.store.db.connection import Cursor
from pc_worker.store.db.migrations import migrate, read_migrations
from pc_worker.store.search.query.concepts import AskedWords
from pc_worker.store.search.query.query_words import query_terms
from pc_worker.store.search.scope import Profile, Scope, begin_search
from pc_worker.store.search.scores.bm25 import matching, weigh
from pc_worker.store.search.scores.nearest import nearest, vector_text
from pc_worker.wiring import MIGRATIONS, make_services

DOMAIN = "document"
DEPTH, RRF_K = 20, 60
LINE = "{:<12} {:<26} {:>8} {:>10} {:>11} {:>7}"

Ranking = Callable[[Cursor, Profile, str], list[str]]


def measure(folder: Path) -> Iterator[tuple[str, str, Quality]]:
    """Ingest each collection of the folder into its own database; yield its name, a way to search, its quality."""
    with own_folder() as own:
        servers = start_servers(own / "home")
        try:
            for table in sorted(folder.glob("*.parquet")):
                with _ingested(servers, own / "home", table) as services:
                    judged = read_judgements(table.with_suffix(".jsonl"))
                    yield from ((table.stem, *found) for found in _ways(services, judged))
        finally:
            servers.stop()


def _ways(services: Services, judged: Sequence[JudgedQuery]) -> Iterator[tuple[str, Quality]]:
    for name, ranking in _textbook(services).items():
        yield f"textbook: {name}", _textbook_quality(services, judged, ranking)
    for feedback in (False, True):
        found = evaluate(services.database, DOMAIN, judged, encoder=services.encoder, feedback=feedback)
        for mode, quality in found.modes.items():
            yield f"{mode}, feedback" if feedback else mode, quality


@contextmanager
def _ingested(servers: EmbeddedServers, home: Path, table: Path) -> Iterator[Services]:
    settings = Settings(
        home=home,
        database_url=SecretStr(_database(servers.database_url, table.stem)),
        redis_url=SecretStr(servers.redis_url),
        data_roots=(table.parent.resolve(),),
    )
    services = make_services(settings)
    migrate(services.database, read_migrations(MIGRATIONS))
    submit(services, IngestRequest(path=str(table.resolve()), domain=DOMAIN), table.stem)
    split(services, table.stem)
    for chunk_no in count():
        if chunk_no == job_status(services, table.stem).chunks_total:  # a slow chunk is cut, which adds chunks
            break
        process_chunk(services, table.stem, chunk_no)
    after_job(services, table.stem)
    ended = job_status(services, table.stem)
    if ended.rows_written != ended.rows_total:
        raise SystemExit(f"{table}: {ended.rows_written:,} of {ended.rows_total:,} rows were written")
    try:
        yield services
    finally:
        services.database.close()


def _database(server_url: str, name: str) -> str:
    connection = psycopg2.connect(server_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"quality_{name}")))
    connection.close()
    return f"{server_url.rpartition('/')[0]}/quality_{name}"


def _textbook(services: Services) -> dict[str, Ranking]:
    def by_words(cursor: Cursor, profile: Profile, query: str) -> list[str]:
        ids = tuple(query_terms(DOMAIN, query))
        # As pairs of characters do, the textbook's words weigh by rarity alone.
        terms = weigh(cursor, DOMAIN, AskedWords(ids, grams=frozenset(ids)), profile.collection)
        return matching(cursor, Scope(profile=profile), terms, limit=DEPTH, wanted=DEPTH, certain=DEPTH).ids

    def by_vectors(cursor: Cursor, profile: Profile, query: str) -> list[str]:
        vector = vector_text(services.encoder(profile.model).encode_query(query))
        return nearest(cursor, Scope(profile=profile), vector, limit=DEPTH, wanted=DEPTH).ids

    def fused(cursor: Cursor, profile: Profile, query: str) -> list[str]:
        scores: dict[str, float] = {}
        for ids in (by_words(cursor, profile, query), by_vectors(cursor, profile, query)):
            for rank, row_id in enumerate(ids, start=1):
                scores[row_id] = scores.get(row_id, 0.0) + 1 / (RRF_K + rank)
        return sorted(scores, key=lambda row_id: (-scores[row_id], row_id))

    return {"all words": by_words, "vectors": by_vectors, "reciprocal ranks": fused}


def _textbook_quality(services: Services, judged: Sequence[JudgedQuery], ranking: Ranking) -> Quality:
    rows = []
    for one in resolved(services.database, DOMAIN, judged):
        with services.database.transaction() as cursor:
            profile = begin_search(cursor, DOMAIN)
            found = [] if profile is None else ranking(cursor, profile, one.query)
        rows.append((found, found, one.grades))
    return mean_quality(rows)


def main(folder: Path) -> None:
    """Measure and print."""
    sys.stdout.write(f"{processor()}\n")
    sys.stdout.write(LINE.format("collection", "search", "nDCG@10", "recall@10", "recall@100", "MRR") + "\n")
    for collection, way, quality in measure(folder):
        sys.stdout.write(LINE.format(collection, way, *(f"{value:.4f}" for value in astuple(quality))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
