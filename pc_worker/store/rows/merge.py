"""Insert and update rows with their vectors and search terms, in the one transaction of a chunk.

The order of statements prevents deadlocks and keeps the lock of the domain short: existing rows are locked in the order
of their ids, all wide values are written by binary COPY in that order, and only then the log assigns positions. New
rows are copied directly into their tables, because a staging table would write each of them twice. If another job
stores one of the new rows at the same time, the COPY fails; the transaction is then run again, and the row exists.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from uuid import UUID

import numpy as np
from psycopg2.errors import UniqueViolation

from pc_worker.errors import Conflict
from pc_worker.model import RowOrigin, RowWrite, StoredRow
from pc_worker.store.db import copy
from pc_worker.store.db.connection import Cursor, Database, uuid_array
from pc_worker.store.db.look_ups import by_key, is_partitioned
from pc_worker.store.search.filters.payload_fields import collect_fields
from pc_worker.store.search.terms import sparsevecs_binary
from pc_worker.store.search.words.splitting import RULES

Fields = tuple[copy.Field, ...]

#: Columns of the binary COPY into each table.
CHANGED_COLUMNS = ("row_id", "key", "payload", "text", "content_hash", "wire", "cells_hash")
ROW_COLUMNS = ("domain", "source", "job_seq", "seen_seq", *CHANGED_COLUMNS)
VECTOR_COLUMNS = (
    "domain", "model_id", "dimension", "row_id", "passage", "start_char", "end_char", "text_hash", "vector",
)  # fmt: skip
TERM_COLUMNS = ("domain", "rules", "row_id", "length", "terms", "counts")

#: Tables that a dry run replaces with temporary ones.
DRY_RUN_TABLES = ("identities", "rows", "embeddings", "row_terms", "payload_fields", "log", "log_batches")

#: Fields of fixed size, each with its size: row_id, passage, start_char, end_char; row_id, length.
PASSAGE = struct.Struct(">i16s ih ii ii")
TERMS = struct.Struct(">i16s ii")

# Sorts as the server does, and twenty times as fast as by the UUIDs themselves.
ROW_ID, BY_INT = attrgetter("row_id.int"), attrgetter("int")
STAGE = """
CREATE TEMP TABLE IF NOT EXISTS stage_rows (
    row_id uuid, key text, payload jsonb, text text, content_hash bytea, wire bytea, cells_hash bytea
) ON COMMIT DELETE ROWS
"""
# Names the domain twice, so that both tables are read in its partitions only.
STORED = """
SELECT r.row_id, r.job_seq, r.content_hash, r.cells_hash,
       EXISTS (SELECT 1 FROM embeddings e
               WHERE e.domain = %(domain)s AND e.row_id = r.row_id AND e.model_id = %(model_id)s)
FROM rows r WHERE r.domain = %(domain)s AND r.row_id = ANY (%(ids)s::uuid[])
"""
# The same in partitions: each row is looked up in its own part, and locked in the order of the ids.
STORED_IN_PARTS = """
SELECT r.row_id, r.job_seq, r.content_hash, r.cells_hash, (
    SELECT true FROM embeddings e
    WHERE e.domain = %(domain)s AND e.row_id = s.row_id AND e.model_id = %(model_id)s LIMIT 1) IS NOT NULL
FROM unnest(%(ids)s::uuid[]) AS s (row_id) CROSS JOIN LATERAL (
    SELECT * FROM rows WHERE domain = %(domain)s AND row_id = s.row_id LIMIT 1 {lock}) AS r
"""
# An insert finds the part of each row, an update plans for all of them. The rows are locked, so none is inserted.
UPDATE_ROWS = """
INSERT INTO rows AS r (domain, source, job_seq, seen_seq, row_id, key, payload, text, content_hash, wire, cells_hash)
SELECT %(domain)s, %(source)s, %(seq)s, %(seq)s, row_id, key, payload, text, content_hash, wire, cells_hash
FROM stage_rows ON CONFLICT (domain, row_id) DO UPDATE SET
    source = excluded.source, key = excluded.key, payload = excluded.payload, text = excluded.text,
    wire = excluded.wire, content_hash = excluded.content_hash, cells_hash = excluded.cells_hash,
    job_seq = excluded.job_seq, seen_seq = greatest(r.seen_seq, excluded.seen_seq), updated_at = now()
"""
# Vectors of every model: another model's vectors of the old text are wrong too, and its backfill computes them again.
DELETE_OLD = """
DELETE FROM {table} o USING stage_rows s WHERE o.domain = %(domain)s AND o.row_id = s.row_id
"""
SEEN = """
UPDATE rows r SET job_seq = CASE WHEN %(same)s THEN greatest(r.job_seq, %(seq)s) ELSE r.job_seq END,
                  seen_seq = greatest(r.seen_seq, %(seq)s), cells_hash = coalesce(s.cells_hash, r.cells_hash)
FROM unnest(%(ids)s::uuid[], %(cells)s::bytea[]) AS s (row_id, cells_hash)
WHERE r.domain = %(domain)s AND {listed} r.row_id = s.row_id
  AND (r.seen_seq < %(seq)s OR %(same)s AND r.job_seq < %(seq)s
       OR s.cells_hash IS NOT NULL AND r.cells_hash IS DISTINCT FROM s.cells_hash)
"""
LISTED = "r.row_id = ANY (%(ids)s::uuid[]) AND"
# A temporary table hides the permanent one of its name from this session.
SHADOW = "CREATE TEMP TABLE {table} (LIKE {table} INCLUDING ALL) ON COMMIT DROP"
SHADOW_DOMAIN = "CREATE TEMP TABLE domains ON COMMIT DROP AS SELECT * FROM domains WHERE domain = %s"
SIZES = "SELECT sum(pg_total_relation_size('pg_temp.' || name)) FROM unnest(%s) AS t (name)"


def read_stored(
    cursor: Cursor, *, domain: str, model_id: int, ids: Collection[UUID], lock: bool = False
) -> dict[UUID, StoredRow]:
    """Return what is stored of these rows; ``lock`` prevents changes until the transaction ends."""
    statement = STORED + (" ORDER BY r.row_id FOR UPDATE OF r" if lock else "")
    if is_partitioned(cursor, domain):
        statement = STORED_IN_PARTS.format(lock="FOR UPDATE" if lock else "")
        ids = sorted(set(ids), key=BY_INT)
    cursor.execute(statement, {"domain": domain, "model_id": model_id, "ids": uuid_array(ids)})
    return {
        UUID(row_id): StoredRow(
            job_seq=seq,
            content_hash=bytes(content),
            embedded=embedded,
            cells_hash=None if cells is None else bytes(cells),
        )
        for row_id, seq, content, cells, embedded in cursor.fetchall()
    }


def upsert_rows(cursor: Cursor, *, origin: RowOrigin, rows: Sequence[RowWrite], fresh: Collection[UUID]) -> None:
    """Write rows with their vectors and terms; ``fresh`` are those that are not stored yet.

    Raises:
        Conflict: If another transaction has stored one of the fresh rows meanwhile.
    """
    ordered = sorted(rows, key=ROW_ID)
    new = [row for row in ordered if row.row_id in fresh]
    changed = [row for row in ordered if row.row_id not in fresh]
    if changed:
        _update(cursor, origin, changed)
    _insert(cursor, origin, new)
    _copy_vectors(cursor, origin.domain, origin.model_id, ordered)
    _copy_terms(cursor, origin.domain, ordered)
    collect_fields(cursor, origin.domain, {path for row in ordered for path in row.terms.fields})


def _update(cursor: Cursor, origin: RowOrigin, rows: Sequence[RowWrite]) -> None:
    """Replace the content of stored rows, and delete their vectors and terms."""
    cursor.execute(STAGE)
    copy.copy_rows(cursor, "stage_rows", CHANGED_COLUMNS, map(_content_fields, rows))
    values = {"domain": origin.domain, "source": origin.source, "seq": origin.job_seq}
    cursor.execute(UPDATE_ROWS, values)
    for table in ("embeddings", "row_terms"):
        cursor.execute(by_key(cursor, origin.domain, DELETE_OLD.format(table=table)), values)


def mark_seen(cursor: Cursor, *, origin: RowOrigin, rows: Mapping[UUID, bytes | None], same: bool) -> None:
    """Record that the job's source contains these rows, which are locked; ``same`` = with the stored content.

    ``rows`` has the hash of each row's cells, or None to keep the stored one.

    With the same content the rows now belong to this job, so that an older job cannot change them. Otherwise they stay
    with their own job: if they moved to this one, the order of chunks would decide whether a third job, started between
    the two, may still write them.
    """
    if rows:
        values = {"domain": origin.domain, "seq": origin.job_seq, "ids": uuid_array(rows), "same": same}
        listed = "" if is_partitioned(cursor, origin.domain) else LISTED
        statement = by_key(cursor, origin.domain, SEEN.format(listed=listed))
        cursor.execute(statement, values | {"cells": list(rows.values())})


@contextmanager
def dry_run_tables(database: Database, domain: str) -> Iterator[Cursor]:
    """Run the block in a transaction that writes into empty temporary copies of the tables, and roll it back."""
    with database.transaction() as cursor:
        for table in DRY_RUN_TABLES:
            cursor.execute(SHADOW.format(table=table))
        cursor.execute(SHADOW_DOMAIN, (domain,))
        try:
            yield cursor
        finally:
            cursor.connection.rollback()


def dry_run_bytes(cursor: Cursor) -> int:
    """Return the size of the temporary copies with their indexes, in bytes."""
    cursor.execute(SIZES, (list(DRY_RUN_TABLES),))
    (size,) = cursor.fetchone() or (0,)
    return int(size)


def _insert(cursor: Cursor, origin: RowOrigin, rows: Sequence[RowWrite]) -> None:
    seq = copy.int8(origin.job_seq)
    equal = (copy.text(origin.domain), copy.text(origin.source), seq, seq)
    try:
        copy.copy_rows(cursor, "rows", ROW_COLUMNS, map(_content_fields, rows), equal=equal)
    except UniqueViolation as exc:
        raise Conflict("another job stored one of these rows at the same time") from exc


def _content_fields(row: RowWrite) -> Fields:
    payload, text = copy.jsonb(row.payload_json), copy.text(row.text)
    return (row.row_id.bytes, copy.text(row.key), payload, text, row.content_hash, row.wire, row.cells_hash)


def _copy_vectors(cursor: Cursor, domain: str, model_id: int, rows: Sequence[RowWrite]) -> None:
    """Store the vector of each passage; all must have one dimension."""
    found = [(row.row_id.bytes, number, passage) for row in rows for number, passage in enumerate(row.passages)]
    if not found:
        return
    vectors = copy.vectors(np.stack([passage.vector for _, _, passage in found]))
    encoded = (
        PASSAGE.pack(16, row_id, 2, number, 4, passage.start, 4, passage.end) + copy.fields((passage.text_hash, vector))
        for (row_id, number, passage), vector in zip(found, vectors, strict=True)
    )
    equal = (copy.text(domain), copy.int4(model_id), copy.int4(len(found[0][2].vector)))
    copy.copy_encoded(cursor, "embeddings", VECTOR_COLUMNS, encoded, equal=equal)


def _copy_terms(cursor: Cursor, domain: str, rows: Sequence[RowWrite]) -> None:
    terms = [row.terms for row in rows]
    ids, counts = copy.int4_arrays([each.ids for each in terms]), sparsevecs_binary(terms)
    encoded = (
        TERMS.pack(16, row.row_id.bytes, 4, row.terms.length) + copy.fields((row_ids, row_counts))
        for row, row_ids, row_counts in zip(rows, ids, counts, strict=True)
    )
    equal = (copy.text(domain), copy.int2(RULES))
    copy.copy_encoded(cursor, "row_terms", TERM_COLUMNS, encoded, equal=equal)
