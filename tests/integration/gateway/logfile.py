"""Filling a domain's log the way the chunk's transaction does, with rows made up from a number."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4, uuid5

import numpy as np
import psycopg2
import psycopg2.extras
import redis

from pc_worker.hot_buffer import Entry, HotBuffer, build_entry
from pc_worker.model import LogBatch
from pc_worker.store.log.append import append_log
from pc_worker.store.search.filters.payload_fields import collect_fields
from pc_worker.wire import WirePassage, row_head, row_message, row_type_of

NAMESPACE = UUID("9f1c6f0e-0000-5000-8000-000000000000")
UPSERT_ROW = """
INSERT INTO rows (domain, row_id, source, key, payload, text, content_hash, wire, job_seq, seen_seq)
VALUES (%s, %s, 'made-up', %s, %s, NULL, '\\x00', %s, 1, 1)
ON CONFLICT (domain, row_id) DO UPDATE SET payload = excluded.payload, wire = excluded.wire
"""
INSERT_VECTOR = """
INSERT INTO embeddings (domain, row_id, model_id, passage, dimension, start_char, end_char, vector)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""


INSERT_MODEL = """
INSERT INTO models (name, revision, dimension, normalised, encodable) VALUES ('mini', '1', %s, true, true)
ON CONFLICT (name, revision, dimension, normalised) DO UPDATE SET encodable = true RETURNING model_id
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """A row's message at its place in the log, as it must arrive."""

    position: int
    row_id: str
    message: bytes


@dataclass(frozen=True, slots=True)
class MadeRow:
    """A row with the parts that are stored of it."""

    number: int
    row_id: str
    head: bytes
    passages: list[WirePassage]
    message: bytes
    payload: dict[str, Any]


class DomainLog:
    """Writes versions of rows, remembers what the log must deliver."""

    def __init__(self, database_url: str, redis_url: str, domain: str, *, dimension: int = 8) -> None:
        self.domain, self.arm, self.dimension = domain, row_type_of(domain), dimension
        self.redis = redis.Redis.from_url(redis_url)
        self.queue = HotBuffer(self.redis, max_bytes=64 * 1024 * 1024)
        self._database_url = database_url
        self._newest: dict[str, Sent] = {}
        self.entries: list[Entry] = []
        self.key: bytes | None = None

    @cached_property
    def connection(self) -> psycopg2.extensions.connection:
        connection = psycopg2.connect(self._database_url)
        with connection, connection.cursor() as cursor:
            cursor.execute(INSERT_MODEL, (self.dimension,))
            (model_id,) = cursor.fetchone() or (0,)
            cursor.execute(
                "INSERT INTO domains (domain, epoch, model_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (self.domain, str(uuid4()), model_id),
            )
        return connection

    @property
    def rows(self) -> list[Sent]:
        """The rows that a stream of the whole log must return now, in order."""
        return sorted(self._newest.values(), key=lambda sent: sent.position)

    @property
    def head(self) -> int:
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT head FROM domains WHERE domain = %s", (self.domain,))
            (head,) = cursor.fetchone() or (0,)
        return int(head)

    def write(self, numbers: Sequence[int], *, version: int = 1, push: bool = True, text_bytes: int = 20) -> Entry:
        """Commit these rows as one batch; ``push`` puts it on the queue."""
        rows = [self.make(number, version, text_bytes) for number in numbers]
        with self.connection, self.connection.cursor() as cursor:
            model_id = self._model_id(cursor)
            cursor.execute(
                "DELETE FROM embeddings WHERE domain = %s AND row_id = ANY (%s::uuid[])",
                (self.domain, [row.row_id for row in rows]),
            )
            heads = [(self.domain, row.row_id, str(row.number), json.dumps(row.payload), row.head) for row in rows]
            psycopg2.extras.execute_batch(cursor, UPSERT_ROW, heads, page_size=300)
            vectors = [self._vector(row.row_id, model_id, n, p) for row in rows for n, p in enumerate(row.passages)]
            psycopg2.extras.execute_batch(cursor, INSERT_VECTOR, vectors, page_size=300)
            collect_fields(cursor, self.domain, [(name,) for name in rows[0].payload] if rows else [])
            log_batch = self._append(cursor, [row.row_id for row in rows], model_id)
        self.key = log_batch.queue_key
        for position, row in enumerate(rows, start=log_batch.first):
            self._newest[row.row_id] = Sent(position, row.row_id, row.message)
        entry = build_entry(
            self.arm,
            domain=self.domain,
            epoch=log_batch.epoch,
            nonce=log_batch.nonce,
            first_position=log_batch.first,
            rows=[(row.row_id, row.message) for row in rows],
        )
        self.entries.append(entry)
        if push:
            self.queue.push(entry, self.key)
        return entry

    def forget(self, numbers: Sequence[int]) -> None:
        """Delete rows and log tombstones."""
        ids = [self.row_id(number) for number in numbers]
        with self.connection, self.connection.cursor() as cursor:
            model_id = self._model_id(cursor)
            cursor.execute("DELETE FROM rows WHERE domain = %s AND row_id = ANY (%s::uuid[])", (self.domain, ids))
            self._append(cursor, ids, model_id, tombstones=True)
        for row_id in ids:
            self._newest.pop(row_id)

    def row_id(self, number: int) -> str:
        return str(uuid5(NAMESPACE, f"{self.domain}/{number}"))

    def make(self, number: int, version: int, text_bytes: int) -> MadeRow:
        chance = random.Random(f"{self.domain}/{number}/{version}")
        row_id = self.row_id(number)
        payload = self._payload(number, version, "x" * text_bytes)
        head = row_head(self.arm, row_id=row_id, key=str(number), source="made-up", payload=payload)
        count = chance.randint(1, 3) if self.arm == "document" else 1
        vectors = np.random.default_rng(number * 1000 + version).standard_normal((count, self.dimension)).astype("<f4")
        passages = [WirePassage(n * 100, n * 100 + 120, vector.tobytes()) for n, vector in enumerate(vectors)]
        return MadeRow(number, row_id, head, passages, row_message(self.arm, head, passages, "mini@1"), payload)

    def _payload(self, number: int, version: int, text: str) -> dict[str, Any]:
        if self.arm == "recruit":
            years = None if number % 7 == 0 else number % 20
            words = {"position": f"p{number}", "company_name": f"v{version}", "long_description": text}
            more = {"published_at": "2021-07-01T00:00:00+03:00", "english_level": None, "primary_keyword": "k"}
            return {**words, **more, "experience_years": years, "skills": ["a", f"s{number}"]}
        if self.arm == "skill_dic":
            return {"skill": f"s{number}", "position_category": f"v{version}"}
        return {"number": number, "version": version, "text": text, "nothing": None}

    def _vector(self, row_id: str, model_id: int, number: int, passage: WirePassage) -> tuple[Any, ...]:
        values = np.frombuffer(passage.vector, "<f4").tolist()
        text = "[" + ",".join(map(repr, values)) + "]"
        return self.domain, row_id, model_id, number, self.dimension, passage.start, passage.end, text

    def _model_id(self, cursor: psycopg2.extensions.cursor) -> int:
        cursor.execute("SELECT model_id FROM domains WHERE domain = %s", (self.domain,))
        (model_id,) = cursor.fetchone() or (0,)
        return int(model_id)

    def _append(
        self, cursor: psycopg2.extensions.cursor, ids: Sequence[str], model_id: int, *, tombstones: bool = False
    ) -> LogBatch:
        log_batch = append_log(
            cursor,
            domain=self.domain,
            ids=[UUID(row_id) for row_id in ids],
            job_id="job-1",
            model_id=model_id,
            tombstones=tombstones,
        )
        assert log_batch is not None
        return log_batch
