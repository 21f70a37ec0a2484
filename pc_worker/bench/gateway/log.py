"""A made-up log to stream in the gateway's benchmark: realistic rows, written by bulk."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from pc_worker.hot_buffer import Entry, build_entry
from pc_worker.model import DEFAULT_CHUNK_ROWS
from pc_worker.store.db import copy
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.wire import WirePassage, row_head, row_message

CHUNK_ROWS = DEFAULT_CHUNK_ROWS
MODEL = "bench@1"
EPOCH = UUID(int=1)
#: About what a docstring or a short job posting has.
TEXT = "a sentence of ordinary length that stands for a piece of documentation. " * 8

ADD_MODEL = """
INSERT INTO models (name, revision, dimension, normalised, encodable) VALUES ('bench', '1', %s, true, false)
RETURNING model_id
"""
ADD_DOMAIN = "INSERT INTO domains (domain, head, epoch, model_id) VALUES (%s, %s, %s, %s)"
ROW_COLUMNS = (
    "domain", "row_id", "source", "key", "payload", "text", "content_hash", "wire", "job_seq", "seen_seq",
)  # fmt: skip
VECTOR_COLUMNS = ("domain", "row_id", "model_id", "passage", "dimension", "start_char", "end_char", "vector")
LOG_COLUMNS = ("domain", "position", "row_id", "kind", "first_position")
ADD_BATCH = """
INSERT INTO log_batches (domain, first_position, last_position, epoch, nonce, model_id) VALUES (%s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, slots=True)
class CommittedChunk:
    """One committed chunk, as rows to store and as an entry of the hot buffer; ``vectors`` has the shape (n, dim)."""

    entry: Entry
    row_ids: list[UUID]
    heads: list[bytes]
    vectors: NDArray[np.float32]


def make_chunks(domain: str, *, rows: int, dimension: int) -> Iterator[CommittedChunk]:
    """Yield a domain's chunks, 300 rows of ``dimension`` floats each; the same every time."""
    chance = np.random.default_rng(1)
    for first in range(0, rows, CHUNK_ROWS):
        numbers = range(first, min(first + CHUNK_ROWS, rows))
        vectors = chance.standard_normal((len(numbers), dimension)).astype("<f4")
        row_ids = [uuid5(EPOCH, f"{domain}/{number}") for number in numbers]
        heads = [_head(row_id, number) for row_id, number in zip(row_ids, numbers, strict=True)]
        messages = [
            (str(row_id), row_message("document", head, [WirePassage(0, len(TEXT), vector.tobytes())], MODEL))
            for row_id, head, vector in zip(row_ids, heads, vectors, strict=True)
        ]
        nonce = secrets.randbits(63)
        entry = build_entry(
            "document", domain=domain, epoch=EPOCH, nonce=nonce, first_position=first + 1, rows=messages
        )
        yield CommittedChunk(entry, row_ids, heads, vectors)


def store_chunks(database: Database, domain: str, chunks: list[CommittedChunk]) -> bytes:
    """Write them as if they had been ingested; return the key that seals their entries in the hot buffer."""
    dimension = chunks[0].vectors.shape[1]

    def work(cursor: Cursor) -> bytes:
        cursor.execute(ADD_MODEL, (dimension,))
        (model_id,) = cursor.fetchone() or (0,)
        cursor.execute(ADD_DOMAIN, (domain, chunks[-1].entry.last, str(EPOCH), model_id))
        for chunk in chunks:
            _store(cursor, domain, chunk, model_id)
        cursor.execute("SELECT key FROM queue_keys WHERE domain = %s", (domain,))
        ((key,),) = cursor.fetchall()
        return bytes(key)

    return database.repeat(work)


def _store(cursor: Cursor, domain: str, chunk: CommittedChunk, model_id: int) -> None:
    name, entry = copy.text(domain), chunk.entry
    hash_, source, payload, seq = b"\x00", copy.text("bench"), copy.jsonb("{}"), copy.int8(1)
    rows = zip(chunk.row_ids, chunk.heads, strict=True)
    fields = [
        (name, copy.uuid(row_id), source, copy.text(str(row_id)), payload, None, hash_, head, seq, seq)
        for row_id, head in rows
    ]
    copy.copy_rows(cursor, "rows", ROW_COLUMNS, fields)
    model, zero, size, end = copy.int4(model_id), copy.int4(0), copy.int4(chunk.vectors.shape[1]), copy.int4(len(TEXT))
    vectors = zip(chunk.row_ids, chunk.vectors, strict=True)
    embedded = [
        (name, copy.uuid(row_id), model, copy.int2(0), size, zero, end, copy.vector(vector))
        for row_id, vector in vectors
    ]
    copy.copy_rows(cursor, "embeddings", VECTOR_COLUMNS, embedded)
    positions = enumerate(chunk.row_ids, start=entry.first)
    logged = [
        (name, copy.int8(position), copy.uuid(row_id), copy.int2(0), copy.int8(position))
        for position, row_id in positions
    ]
    copy.copy_rows(cursor, "log", LOG_COLUMNS, logged)
    cursor.execute(ADD_BATCH, (domain, entry.first, entry.last, str(entry.epoch), entry.nonce, model_id))


def _head(row_id: UUID, number: int) -> bytes:
    payload = {"name": f"module.function_{number}", "text": TEXT}
    return row_head("document", row_id=str(row_id), key=str(number), source="bench", payload=payload)
