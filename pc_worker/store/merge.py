"""The chunk's one transaction: rows, embeddings, terms, dead letters, delivery log and ledger, or nothing.

Its order holds deadlocks off and the domain's lock short: existing rows are locked in id order, everything wide is
staged by binary COPY and merged in id order, and only then the chunk takes its positions from the domain's head.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from uuid import UUID

from pc_worker.errors import Conflict, ModelSwitched
from pc_worker.store import copy
from pc_worker.store.connection import Cursor
from pc_worker.store.terms import sparsevec_binary
from pc_worker.store.values import DeadLetter, Job, RowWrite, StoredRow, Stretch

STAGE_ROWS = """
CREATE TEMP TABLE IF NOT EXISTS stage_rows (
    ordinal integer, fresh boolean, row_id uuid, key text, payload jsonb, text text, content_hash bytea, wire bytea,
    terms integer[], counts sparsevec, length integer
) ON COMMIT DELETE ROWS
"""
STAGE_VECTORS = """
CREATE TEMP TABLE IF NOT EXISTS stage_vectors (
    row_id uuid, passage smallint, start_char integer, end_char integer, text_hash bytea, vector vector
) ON COMMIT DELETE ROWS
"""
ROW_COLUMNS = (
    "ordinal", "fresh", "row_id", "key", "payload", "text", "content_hash", "wire", "terms", "counts", "length",
)  # fmt: skip
VECTOR_COLUMNS = ("row_id", "passage", "start_char", "end_char", "text_hash", "vector")

STORED = """
SELECT r.row_id, r.job_seq, r.content_hash,
       EXISTS (SELECT 1 FROM embeddings e
               WHERE e.domain = r.domain AND e.row_id = r.row_id AND e.model_id = %(model_id)s)
FROM rows r WHERE r.domain = %(domain)s AND r.row_id = ANY (%(ids)s::uuid[])
"""
INSERT_ROWS = """
INSERT INTO rows (domain, row_id, source, key, payload, text, content_hash, wire, job_seq, seen_seq)
SELECT %(domain)s, row_id, %(source)s, key, payload, text, content_hash, wire, %(seq)s, %(seq)s
FROM stage_rows WHERE fresh ORDER BY row_id ON CONFLICT DO NOTHING
"""
UPDATE_ROWS = """
UPDATE rows r SET source = %(source)s, key = s.key, payload = s.payload, text = s.text, wire = s.wire,
    content_hash = s.content_hash, job_seq = %(seq)s, seen_seq = greatest(r.seen_seq, %(seq)s), updated_at = now()
FROM stage_rows s WHERE NOT s.fresh AND r.domain = %(domain)s AND r.row_id = s.row_id
"""
# Of every model: another model's vectors of the old text are wrong too, its backfill makes them anew.
DELETE_OLD = """
DELETE FROM {table} o USING stage_rows s WHERE NOT s.fresh AND o.domain = %(domain)s AND o.row_id = s.row_id
"""
INSERT_VECTORS = """
INSERT INTO embeddings (domain, row_id, model_id, passage, dimension, start_char, end_char, text_hash, vector)
SELECT %(domain)s, row_id, %(model_id)s, passage, vector_dims(vector), start_char, end_char, text_hash, vector
FROM stage_vectors ORDER BY row_id, passage
"""
INSERT_TERMS = """
INSERT INTO row_terms (domain, row_id, terms, counts, length)
SELECT %(domain)s, row_id, terms, counts, length FROM stage_rows ORDER BY row_id
"""
SEEN = """
UPDATE rows SET job_seq = %(seq)s, seen_seq = greatest(seen_seq, %(seq)s)
WHERE domain = %(domain)s AND job_seq < %(seq)s AND row_id IN (
    SELECT row_id FROM rows WHERE domain = %(domain)s AND row_id = ANY (%(ids)s::uuid[]) ORDER BY row_id FOR UPDATE)
"""
# Only under the model that the rows were embedded with: a switch that came between must not be undone.
TAKE_POSITIONS = "UPDATE domains SET head = head + %s WHERE domain = %s AND model_id = %s RETURNING head, epoch"
APPEND = """
WITH newest AS MATERIALIZED (
    SELECT s.ordinal, s.row_id, l.position, l.first_position
    FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS s (row_id, ordinal)
    LEFT JOIN log l ON l.domain = %(domain)s AND l.row_id = s.row_id AND l.superseded_by IS NULL
), superseded AS (
    UPDATE log SET superseded_by = %(base)s + newest.ordinal
    FROM newest WHERE log.domain = %(domain)s AND log.position = newest.position
), stale AS (
    UPDATE log_batches b SET intact = false
    WHERE b.domain = %(domain)s AND b.intact AND b.first_position IN (
        SELECT (SELECT max(first_position) FROM log_batches
                WHERE domain = %(domain)s AND first_position <= newest.position)
        FROM newest WHERE newest.position IS NOT NULL)
)
INSERT INTO log (domain, position, row_id, kind, first_position)
SELECT %(domain)s, %(base)s + ordinal, row_id, %(kind)s, coalesce(first_position, %(base)s + ordinal)
FROM newest ORDER BY ordinal
"""
ADD_BATCH = """
INSERT INTO log_batches (domain, first_position, last_position, epoch, nonce, job_id, model_id)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
NOTIFY = "SELECT pg_notify('pcw_log', %s)"
BURY = """
INSERT INTO dead_letters (job_id, row_no, chunk_no, domain, row_id, reason, normal_form)
SELECT %s, row_no, %s, %s, row_id, reason, normal_form
FROM unnest(%s::bigint[], %s::uuid[], %s::text[], %s::text[]) AS d (row_no, row_id, reason, normal_form)
ON CONFLICT (job_id, row_no) DO UPDATE SET reason = excluded.reason, normal_form = excluded.normal_form
"""


def read_stored(
    cursor: Cursor, *, domain: str, model_id: int, ids: Collection[UUID], lock: bool = False
) -> dict[UUID, StoredRow]:
    """Give what is stored of these rows; ``lock`` keeps them as they are until the transaction ends."""
    statement = STORED + (" ORDER BY r.row_id FOR UPDATE OF r" if lock else "")
    cursor.execute(statement, {"domain": domain, "model_id": model_id, "ids": [str(row_id) for row_id in ids]})
    return {
        UUID(row_id): StoredRow(job_seq=seq, content_hash=bytes(content_hash), embedded=embedded)
        for row_id, seq, content_hash, embedded in cursor.fetchall()
    }


def write_rows(
    cursor: Cursor, *, job: Job, source: str, rows: Sequence[RowWrite], fresh: Collection[UUID]
) -> None:
    """Stage and merge rows with their vectors and terms; ``fresh`` are those that were not stored before.

    Raises:
        Conflict: If another transaction has stored one of the fresh rows meanwhile.
    """
    cursor.execute(STAGE_ROWS)
    cursor.execute(STAGE_VECTORS)
    copy.copy_rows(cursor, "stage_rows", ROW_COLUMNS, (_row(i, row, fresh) for i, row in enumerate(rows)))
    copy.copy_rows(cursor, "stage_vectors", VECTOR_COLUMNS, (v for row in rows for v in _vectors(row)))
    values = {"domain": job.domain, "source": source, "seq": job.seq, "model_id": job.model_id}
    cursor.execute(INSERT_ROWS, values)
    if cursor.rowcount != len(fresh):
        raise Conflict("another job stored one of these rows at this moment")
    if len(fresh) < len(rows):
        cursor.execute(UPDATE_ROWS, values)
        cursor.execute(DELETE_OLD.format(table="embeddings"), values)
        cursor.execute(DELETE_OLD.format(table="row_terms"), values)
    cursor.execute(INSERT_VECTORS, values)
    cursor.execute(INSERT_TERMS, values)


def mark_seen(cursor: Cursor, *, job: Job, ids: Collection[UUID]) -> None:
    """Note that this job's source holds these unchanged rows, so that an older job cannot change them."""
    if ids:
        cursor.execute(SEEN, {"domain": job.domain, "seq": job.seq, "ids": [str(row_id) for row_id in ids]})


def append_log(
    cursor: Cursor, *, domain: str, ids: Sequence[UUID], job_id: str | None, model_id: int, tombstones: bool = False
) -> Stretch | None:
    """Give rows the next positions of their domain, in order, and tell the readers; last in a transaction.

    It locks the domain's head until the commit: that is what makes positions gap-free and commit-ordered.

    Raises:
        ModelSwitched: If the domain's model is no longer the one the rows are embedded with.
    """
    if not ids:
        return None
    cursor.execute(TAKE_POSITIONS, (len(ids), domain, model_id))
    taken = cursor.fetchone()
    if taken is None:
        raise ModelSwitched(f"{domain} has another model now")
    head, epoch = taken
    base = head - len(ids)
    values = {"domain": domain, "base": base, "kind": int(tombstones), "ids": [str(row_id) for row_id in ids]}
    cursor.execute(APPEND, values)
    nonce = secrets.randbits(63)
    cursor.execute(ADD_BATCH, (domain, base + 1, head, epoch, nonce, job_id, model_id))
    cursor.execute(NOTIFY, (domain,))
    return Stretch(epoch=UUID(epoch), nonce=nonce, first=base + 1, last=head)


def bury(cursor: Cursor, *, job: Job, chunk_no: int, letters: Sequence[DeadLetter]) -> None:
    """Keep refused rows with their reasons; a letter that comes again replaces itself."""
    if letters:
        numbers = [letter.row_no for letter in letters]
        ids = [None if letter.row_id is None else str(letter.row_id) for letter in letters]
        reasons = [letter.reason for letter in letters]
        forms = [letter.normal_form for letter in letters]
        cursor.execute(BURY, (job.job_id, chunk_no, job.domain, numbers, ids, reasons, forms))


def _row(ordinal: int, row: RowWrite, fresh: Collection[UUID]) -> tuple[copy.Field, ...]:
    return (
        copy.int4(ordinal),
        b"\x01" if row.row_id in fresh else b"\x00",
        copy.uuid(row.row_id),
        copy.text(row.key),
        copy.jsonb(row.payload_json),
        copy.text(row.text),
        row.content_hash,
        row.wire,
        copy.int4_array(row.terms.ids),
        sparsevec_binary(row.terms),
        copy.int4(row.terms.length),
    )


def _vectors(row: RowWrite) -> list[tuple[copy.Field, ...]]:
    return [
        (
            copy.uuid(row.row_id),
            copy.int2(number),
            copy.int4(passage.start),
            copy.int4(passage.end),
            passage.text_hash,
            copy.vector(passage.vector),
        )
        for number, passage in enumerate(row.passages)
    ]


