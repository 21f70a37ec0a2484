"""Rows with their vectors and terms as fields of binary COPY, each table's columns beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pc_worker.model import Job, RowWrite
from pc_worker.store.db import copy
from pc_worker.store.search.terms import sparsevecs_binary

ROWS = ("domain", "row_id", "source", "key", "payload", "text", "content_hash", "wire", "job_seq", "seen_seq")
CHANGED = ("row_id", "key", "payload", "text", "content_hash", "wire")
VECTORS = (
    "domain", "row_id", "model_id", "passage", "dimension", "start_char", "end_char", "text_hash", "vector",
)  # fmt: skip
TERMS = ("domain", "row_id", "terms", "counts", "length")

Fields = tuple[copy.Field, ...]


def row_fields(job: Job, source: str, rows: Sequence[RowWrite]) -> Iterator[Fields]:
    """Give the fields of ``ROWS`` for each row."""
    domain, origin, seq = copy.text(job.domain), copy.text(source), copy.int8(job.seq or 0)
    for row in rows:
        row_id, *rest = _content(row)
        yield (domain, row_id, origin, *rest, seq, seq)


def changed_fields(rows: Sequence[RowWrite]) -> Iterator[Fields]:
    """Give the fields of ``CHANGED`` for each row."""
    return map(_content, rows)


def vector_fields(domain: str, model_id: int, rows: Sequence[RowWrite]) -> Iterator[Fields]:
    """Give the fields of ``VECTORS`` for each passage; all vectors must be of one dimension."""
    found = [(row, number, passage) for row in rows for number, passage in enumerate(row.passages)]
    if not found:
        return
    name, model, dimension = copy.text(domain), copy.int4(model_id), copy.int4(len(found[0][2].vector))
    vectors = copy.vectors(np.stack([passage.vector for _, _, passage in found]))
    for (row, number, passage), vector in zip(found, vectors, strict=True):
        start, end = copy.int4(passage.start), copy.int4(passage.end)
        yield (name, row.row_id.bytes, model, copy.int2(number), dimension, start, end, passage.text_hash, vector)


def term_fields(domain: str, rows: Sequence[RowWrite]) -> Iterator[Fields]:
    """Give the fields of ``TERMS`` for each row."""
    name = copy.text(domain)
    terms = [row.terms for row in rows]
    ids, counts = copy.int4_arrays([each.ids for each in terms]), sparsevecs_binary(terms)
    for row, its_ids, its_counts in zip(rows, ids, counts, strict=True):
        yield (name, row.row_id.bytes, its_ids, its_counts, copy.int4(row.terms.length))


def _content(row: RowWrite) -> Fields:
    payload, text = copy.jsonb(row.payload_json), copy.text(row.text)
    return (row.row_id.bytes, copy.text(row.key), payload, text, row.content_hash, row.wire)
