"""``bench e2e``: a pickle into searchable, deliverable rows, ours against the usual script; one process each.

The usual script: ``pandas.read_pickle``, ``SentenceTransformer.encode(batch_size=32)``, ``execute_values`` with vectors
as text. It keeps no ledger, no log and no terms; ours writes all of them. Both run twice: the second time nothing has
changed, which the usual script does not know.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from psycopg2.extras import execute_values
from pydantic import SecretStr

from pc_worker import wiring
from pc_worker.bench import BenchResult, Figure
from pc_worker.bench.own_folder import own_folder
from pc_worker.domains import get_domain
from pc_worker.embedded import start_servers
from pc_worker.encoding.models.finding import find_model
from pc_worker.model import DEFAULT_CHUNK_ROWS
from pc_worker.samples import write_samples
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.messages import next_chunks
from pc_worker.services.ingest.process_chunk import process_chunk
from pc_worker.services.ingest.split import split
from pc_worker.services.ingest.submit import IngestRequest, submit
from pc_worker.services.seed import active_model_of, seed_domains
from pc_worker.settings import Settings
from pc_worker.store.db.migrations import migrate, read_migrations

ROWS = DEFAULT_CHUNK_ROWS

PLAIN = "CREATE TABLE IF NOT EXISTS plain (id text PRIMARY KEY, payload jsonb, vector vector)"
UPSERT = """
INSERT INTO plain (id, payload, vector) VALUES %s
ON CONFLICT (id) DO UPDATE SET payload = excluded.payload, vector = excluded.vector
"""


def run() -> BenchResult:
    """Measure 300 rows of documentation, new and unchanged."""
    with own_folder() as folder, _services(folder) as services:
        source = _source(folder)
        script = _script(services, source)
        ingest = _ingest(services, source)
        services.encoder(active_model_of(services, get_domain("document"))).encode(["warm"])
        first, plain_first = _rate(ingest), _rate(script)
        again, plain_again = _rate(ingest), _rate(script)
    return BenchResult(
        "e2e",
        [
            Figure("new rows ÷ the usual script", first, plain_first, first / plain_first, None, None, "rows/s"),
            Figure("unchanged rows ÷ the usual script", again, plain_again, again / plain_again, None, None, "rows/s"),
        ],
    )


def _rate(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return ROWS / (time.perf_counter() - began)


@contextmanager
def _services(folder: Path) -> Iterator[Services]:
    servers = start_servers(folder / "home")
    try:
        settings = Settings(
            home=folder / "home",
            database_url=SecretStr(servers.database_url),
            redis_url=SecretStr(servers.redis_url),
            data_roots=(folder.resolve(),),
            concurrency=1,
        )
        services = wiring.make_services(settings, application="bench")
        migrate(services.database, read_migrations(wiring.MIGRATIONS))
        seed_domains(services)
        yield services
        services.database.close()
    finally:
        servers.stop()


def _source(folder: Path) -> Path:
    documentation = next(sample.path for sample in write_samples(folder) if sample.domain == "document")
    path = folder / "source.pkl"
    pd.read_pickle(documentation).head(ROWS).to_pickle(path)  # noqa: S301 - just written by this process
    return path


def _ingest(services: Services, source: Path) -> Callable[[], None]:
    def work() -> None:
        job_id = str(uuid.uuid4())
        submit(services, IngestRequest(path=str(source), domain="document"), job_id)
        split(services, job_id)
        while chunks := next_chunks(services, job_id).chunks:
            for chunk in chunks:
                process_chunk(services, job_id, chunk.chunk_no)

    return work


def _script(services: Services, source: Path) -> Callable[[], None]:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(find_model("").path), device="cpu")
    model.encode(["warm"])

    def work() -> None:
        frame = pd.read_pickle(source)  # noqa: S301 - the usual script trusts its file
        vectors = model.encode(frame["text"].tolist(), batch_size=32, normalize_embeddings=True)
        rows = [
            (str(row["id"]), pd.Series(row).to_json(), str(vector.tolist()))
            for (_, row), vector in zip(frame.iterrows(), vectors, strict=True)
        ]
        with services.database.transaction() as cursor:
            cursor.execute(PLAIN)
            execute_values(cursor, UPSERT, rows)

    return work
