"""The line in one process: real servers, real files, a tiny encoder, and each chunk done when the test says so."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import redis
from numpy.typing import NDArray

from pc_worker.domains import Options
from pc_worker.encoding import ModelIdentity
from pc_worker.encoding.protocol import Span
from pc_worker.hot_buffer import HotBuffer
from pc_worker.model import Job, Model
from pc_worker.reader import Limits
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.process_chunk import process_chunk
from pc_worker.services.ingest.split import split
from pc_worker.services.ingest.submit import IngestRequest, submit
from pc_worker.services.jobs import job_control
from pc_worker.services.sources import Sources
from pc_worker.store.db.connection import Database

DOMAIN = "document"
FIRST_MODEL = "tiny-4"


class TinyEncoder:
    """A vector from the text's hash, a passage every 8 characters; ``dimension`` is in the model's name."""

    backend = "tiny"
    max_tokens = 8
    truncated_texts = 0
    encoded_tokens = 0

    def __init__(self, identity: ModelIdentity) -> None:
        self.identity = identity

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self.encode_query(text) for text in texts])

    def encode_query(self, text: str) -> NDArray[np.float32]:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
        vector = np.resize(np.random.default_rng(seed).standard_normal(4, dtype=np.float32), self.identity.dimension)
        return vector / np.float32(np.linalg.norm(vector))

    def passages(self, text: str) -> list[Span]:
        return [Span(at, min(at + 8, len(text))) for at in range(0, len(text), 8)]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]


def identify(name: str) -> ModelIdentity:
    """Return the model ``tiny-N``, with N dimensions."""
    return ModelIdentity(name=name, revision="1", dimension=int(name.rpartition("-")[2]))


def services_for(database_url: str, redis_url: str, folder: Path, *, queue_bytes: int = 1 << 20) -> Services:
    """Return the services on these servers."""
    folder.mkdir(parents=True, exist_ok=True)
    return Services(
        database=Database(database_url, application="model"),
        make_hot_buffer=lambda: HotBuffer(redis.Redis.from_url(redis_url), max_bytes=queue_bytes),
        make_sources=lambda: Sources([folder], spool=folder / "spool", limits=Limits()),
        encoder=lambda model: TinyEncoder(identify(model.name)),
        identify=identify,
        default_model=FIRST_MODEL,
        spool=folder / "spool",
    )


Row = dict[str, Any]


@dataclass
class Line:
    """Ingests step by step: ``begin`` plans a job, ``work`` does one of its chunks, ``finish`` all that are left."""

    services: Services
    folder: Path
    database_url: str = field(repr=False)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def database(self) -> Database:
        return self.services.database

    def aside(self) -> Database:
        """Return another connection to the same database."""
        return Database(self.database_url, application="aside")

    def begin(self, rows: Sequence[Row], *, source: str = "shelf", chunk_size: int = 3, domain: str = DOMAIN) -> str:
        """Return a running job over these rows."""
        number = next(self.numbers)
        path = self.folder / f"f{number}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        options = Options(source=source, id_column="id", text_columns=("text",)) if domain == DOMAIN else Options()
        request = IngestRequest(path=str(path), domain=domain, chunk_size=chunk_size, options=options)
        job_id = f"job-{number}"
        submit(self.services, request, job_id)
        split(self.services, job_id)
        return job_id

    def work(self, job_id: str, chunk_no: int) -> str:
        """Process one chunk and return its outcome."""
        return str(process_chunk(self.services, job_id, chunk_no)["result"])

    def open_chunks(self, job_id: str) -> list[int]:
        """Return the chunks that are not done."""
        with self.database.transaction() as cursor:
            cursor.execute(
                "SELECT chunk_no FROM chunks WHERE job_id = %s AND state <> 'done' ORDER BY chunk_no", (job_id,)
            )
            return [number for (number,) in cursor.fetchall()]

    def finish(self, job_id: str) -> Job:
        """Do what is left of a job."""
        while open_chunks := self.open_chunks(job_id):
            self.work(job_id, open_chunks[0])
        return job_control.job_status(self.services, job_id)

    def ingest(self, rows: Sequence[Row], **how: Any) -> Job:
        """Do a job whole."""
        return self.finish(self.begin(rows, **how))

    def cancel(self, job_id: str) -> None:
        job_control.cancel(self.services, job_id)

    def resume(self, job_id: str) -> Job:
        """Resume a job and do what is left."""
        job_control.resume(self.services, job_id)
        return self.finish(job_id)

    def texts(self, domain: str = DOMAIN) -> dict[str, str]:
        """Return the stored rows by key."""
        with self.database.transaction() as cursor:
            cursor.execute("SELECT key, text FROM rows WHERE domain = %s", (domain,))
            return dict(cursor.fetchall())

    def row_id(self, key: str) -> Any:
        """Return the UUID of a key."""
        with self.database.transaction() as cursor:
            cursor.execute("SELECT row_id FROM rows WHERE key = %s", (key,))
            (found,) = cursor.fetchone() or (None,)
        return found

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""
        with self.database.transaction() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    def model(self, name: str) -> Model:
        """Return a registered model."""
        from pc_worker.services.models.change_model import register

        return register(self.services, name)
