"""The chunk's one transaction: rows, embeddings, terms, dead letters, delivery log and ledger, or nothing.

Its order holds deadlocks off and the domain's lock short: existing rows are locked in id order, everything wide goes in
by binary COPY in id order, and only then the chunk takes its positions from the domain's head. New rows go straight
into their tables, as a stage would write each of them twice. A row that another job stores at this moment makes the
COPY fail; the transaction is then run again, when that row is no longer new.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from operator import attrgetter
from uuid import UUID

from psycopg2.errors import UniqueViolation

from pc_worker.errors import Conflict, ModelSwitched
from pc_worker.model import DeadLetter, Job, LogBatch, RowWrite, StoredRow
from pc_worker.store.db import copy
from pc_worker.store.db.connection import Cursor
from pc_worker.store.rows import row_copy

# As the server sorts them; twenty times as fast as by the UUIDs themselves.
ROW_ID = attrgetter("row_id.int")
STAGE = """
CREATE TEMP TABLE IF NOT EXISTS stage_rows (
    row_id uuid, key text, payload jsonb, text text, content_hash bytea, wire bytea
) ON COMMIT DELETE ROWS
"""
STORED = """
SELECT r.row_id, r.job_seq, r.content_hash,
       EXISTS (SELECT 1 FROM embeddings e
               WHERE e.domain = r.domain AND e.row_id = r.row_id AND e.model_id = %(model_id)s)
FROM rows r WHERE r.domain = %(domain)s AND r.row_id = ANY (%(ids)s::uuid[])
"""
UPDATE_ROWS = """
UPDATE rows r SET source = %(source)s, key = s.key, payload = s.payload, text = s.text, wire = s.wire,
    content_hash = s.content_hash, job_seq = %(seq)s, seen_seq = greatest(r.seen_seq, %(seq)s), updated_at = now()
FROM stage_rows s WHERE r.domain = %(domain)s AND r.row_id = s.row_id
"""
# Of every model: another model's vectors of the old text are wrong too, its backfill makes them anew.
DELETE_OLD = """
DELETE FROM {table} o USING stage_rows s WHERE o.domain = %(domain)s AND o.row_id = s.row_id
"""
SEEN = """
UPDATE rows SET job_seq = CASE WHEN %(same)s THEN greatest(job_seq, %(seq)s) ELSE job_seq END,
                seen_seq = greatest(seen_seq, %(seq)s)
WHERE domain = %(domain)s AND (seen_seq < %(seq)s OR %(same)s AND job_seq < %(seq)s) AND row_id IN (
    SELECT row_id FROM rows WHERE domain = %(domain)s AND row_id = ANY (%(ids)s::uuid[]) ORDER BY row_id FOR UPDATE)
"""
# Only under the model that the rows were embedded with: a switch that came between must not be undone.
TAKE_POSITIONS = """
UPDATE domains d SET head = head + %s WHERE domain = %s AND model_id = %s
RETURNING head, epoch, (SELECT key FROM queue_keys k WHERE k.domain = d.domain AND k.epoch = d.epoch)
"""
# One look-up a row, whatever the planner believes of the log's size: LIMIT keeps it from reading a whole domain.
NEWEST = """
SELECT s.ordinal, l.position, l.first_position
FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS s (row_id, ordinal) CROSS JOIN LATERAL (
    SELECT position, first_position FROM log
    WHERE domain = %(domain)s AND row_id = s.row_id AND superseded_by IS NULL LIMIT 1) AS l
"""
SUPERSEDE = """
WITH old AS MATERIALIZED (
    SELECT * FROM unnest(%(positions)s::bigint[], %(successors)s::bigint[]) AS o (position, successor)
), stale AS (
    UPDATE log_batches b SET intact = false
    WHERE b.domain = %(domain)s AND b.intact AND b.first_position IN (
        SELECT (SELECT max(first_position) FROM log_batches
                WHERE domain = %(domain)s AND first_position <= old.position) FROM old)
)
UPDATE log SET superseded_by = old.successor
FROM old WHERE log.domain = %(domain)s AND log.position = old.position
"""
APPEND = """
INSERT INTO log (domain, position, row_id, kind, first_position)
SELECT %(domain)s, %(base)s + ordinal, row_id, %(kind)s, first_position
FROM unnest(%(ids)s::uuid[], %(firsts)s::bigint[]) WITH ORDINALITY AS s (row_id, first_position, ordinal)
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
    cursor.execute(statement, {"domain": domain, "model_id": model_id, "ids": _literal(ids)})
    return {
        UUID(row_id): StoredRow(job_seq=seq, content_hash=bytes(content_hash), embedded=embedded)
        for row_id, seq, content_hash, embedded in cursor.fetchall()
    }


def write_rows(cursor: Cursor, *, job: Job, source: str, rows: Sequence[RowWrite], fresh: Collection[UUID]) -> None:
    """Write rows with their vectors and terms; ``fresh`` are those that were not stored before.

    Raises:
        Conflict: If another transaction has stored one of the fresh rows meanwhile.
    """
    ordered = sorted(rows, key=ROW_ID)
    new = [row for row in ordered if row.row_id in fresh]
    changed = [row for row in ordered if row.row_id not in fresh]
    if changed:
        _change(cursor, job, source, changed)
    try:
        copy.copy_rows(cursor, "rows", row_copy.ROWS, row_copy.row_fields(job, source, new))
    except UniqueViolation as exc:
        raise Conflict("another job stored one of these rows at this moment") from exc
    vectors = row_copy.vector_fields(job.domain, job.model_id or 0, ordered)
    copy.copy_rows(cursor, "embeddings", row_copy.VECTORS, vectors)
    copy.copy_rows(cursor, "row_terms", row_copy.TERMS, row_copy.term_fields(job.domain, ordered))


def _change(cursor: Cursor, job: Job, source: str, rows: Sequence[RowWrite]) -> None:
    """Give stored rows their new content; their vectors and terms go."""
    cursor.execute(STAGE)
    copy.copy_rows(cursor, "stage_rows", row_copy.CHANGED, row_copy.changed_fields(rows))
    values = {"domain": job.domain, "source": source, "seq": job.seq}
    cursor.execute(UPDATE_ROWS, values)
    cursor.execute(DELETE_OLD.format(table="embeddings"), values)
    cursor.execute(DELETE_OLD.format(table="row_terms"), values)


def mark_seen(cursor: Cursor, *, job: Job, ids: Collection[UUID], same: bool) -> None:
    """Note that this job's source holds these rows; with the ``same`` content, so that an older job cannot change them.

    Without: what is stored stays that of its own job. Were it this one's, it would depend on the order of chunks
    whether a third job between the two can still write the row.
    """
    if ids:
        cursor.execute(SEEN, {"domain": job.domain, "seq": job.seq, "ids": _literal(ids), "same": same})


def append_log(
    cursor: Cursor, *, domain: str, ids: Sequence[UUID], job_id: str | None, model_id: int, tombstones: bool = False
) -> LogBatch | None:
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
    head, epoch, key = taken
    base = head - len(ids)
    _append(cursor, domain, ids, base, kind=int(tombstones))
    nonce = secrets.randbits(63)
    cursor.execute(ADD_BATCH, (domain, base + 1, head, epoch, nonce, job_id, model_id))
    cursor.execute(NOTIFY, (domain,))
    queue_key = None if key is None else bytes(key)
    return LogBatch(epoch=UUID(epoch), nonce=nonce, first=base + 1, last=head, queue_key=queue_key)


def _append(cursor: Cursor, domain: str, ids: Sequence[UUID], base: int, *, kind: int) -> None:
    """Add the entries beyond ``base``; a row's entry before is superseded, and its first one remembered."""
    literal = _literal(ids)
    cursor.execute(NEWEST, {"domain": domain, "ids": literal})
    newest = cursor.fetchall()
    firsts = list(range(base + 1, base + 1 + len(ids)))
    for ordinal, _, first in newest:
        firsts[ordinal - 1] = first
    if newest:
        positions, successors = [row[1] for row in newest], [base + row[0] for row in newest]
        cursor.execute(SUPERSEDE, {"domain": domain, "positions": positions, "successors": successors})
    cursor.execute(APPEND, {"domain": domain, "base": base, "kind": kind, "ids": literal, "firsts": firsts})


def insert_dead_letters(cursor: Cursor, *, job: Job, chunk_no: int, letters: Sequence[DeadLetter]) -> None:
    """Keep refused rows with their reasons; a letter that comes again replaces itself."""
    if letters:
        numbers = [letter.row_no for letter in letters]
        ids = [None if letter.row_id is None else str(letter.row_id) for letter in letters]
        reasons = [letter.reason for letter in letters]
        forms = [letter.normal_form for letter in letters]
        cursor.execute(BURY, (job.job_id, chunk_no, job.domain, numbers, ids, reasons, forms))


def _literal(ids: Collection[UUID]) -> str:
    """Give ids as one array literal, which the driver need not look through."""
    return f"{{{','.join(map(str, ids))}}}"
