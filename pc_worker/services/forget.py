"""Forget rows: delete content, vectors, terms, keys and dead letters, and append tombstones for the consumers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pc_worker.domains import domain_names, get_domain
from pc_worker.errors import InvalidRequest, NotFound
from pc_worker.model import DEFAULT_CHUNK_ROWS
from pc_worker.services.declarations import check_known
from pc_worker.services.ingest.rows.dead_letter import stored_json
from pc_worker.services.ingest.rows.join import write_groups
from pc_worker.store.answers.record import erase_answers_of_rows
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.ledger.dead_letters import drop_letters
from pc_worker.store.ledger.declarations import sources_of
from pc_worker.store.ledger.jobs import find_job
from pc_worker.store.log.append import append_log
from pc_worker.store.log.nacked_rows import forget_nacked
from pc_worker.store.models.model_switch import lock_domain
from pc_worker.store.models.registry import active_model
from pc_worker.store.rows import forget, forget_marks, joined
from pc_worker.store.rows.forget import Key, LetterCandidate
from pc_worker.store.search.filters.payload_fields import forget_fields
from pc_worker.store.search.statistics import refresh_statistics

#: Statistics are counted again when this share of the domain has changed.
DRIFT = 0.05

Take = Callable[[Cursor], list[UUID]]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows and dead letters were deleted."""

    rows: int
    dead_letters: int


def forget_ids(database: Database, domain: str, ids: Sequence[UUID]) -> Forgotten:
    """Forget rows by their UUIDs. Jobs that began before cannot write them again; a repeated call does nothing.

    Raises:
        InvalidRequest: If the domain is unknown or no row is named.
        NotFound: If the domain never had one of the rows; no row is forgotten then.
    """
    if not ids:
        raise InvalidRequest("no row is named: give at least one UUID")
    unique = sorted(set(ids))
    with database.transaction() as cursor:
        check_known(cursor, domain)
        letters = _letters_of_rows(cursor, domain, unique)
        known = forget.logged_rows(cursor, domain, unique) | {row_id for _, _, row_id in letters}
    unknown = [str(row_id) for row_id in unique if row_id not in known]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise NotFound(f"domain {domain} has no row {unknown[0]}{more}: nothing was forgotten")
    before = _mark_rows(database, domain, unique)
    with database.transaction() as cursor:  # again: from now on no older job can add one
        letters = _letters_of_rows(cursor, domain, unique)
    dropped = drop_letters(database, [(job_id, row_no) for job_id, row_no, _ in letters])
    batches = [unique[start : start + DEFAULT_CHUNK_ROWS] for start in range(0, len(unique), DEFAULT_CHUNK_ROWS)]
    taking = [_taking(domain, batch, before=before) for batch in batches]
    rows = sum(
        len(_forget_batch(database, domain, take, before=before, named=batch))
        for take, batch in zip(taking, batches, strict=True)
    )
    refresh_statistics(database, domain, drift=DRIFT)
    return Forgotten(rows, dropped)


def _mark_rows(database: Database, domain: str, ids: Sequence[UUID]) -> int:
    """Prevent all jobs that have begun from writing these rows; return the number that bounds those jobs."""

    def work(cursor: Cursor) -> int:
        lock_domain(cursor, domain)
        number = forget_marks.next_number(cursor)
        _note(cursor, domain, ids, number)
        return number

    return database.repeat(work)


def _note(cursor: Cursor, domain: str, ids: Sequence[UUID], number: int) -> None:
    keys = [forget_marks.key_mark(key.scope or "", key.text) for key in forget.keys_of(cursor, domain, ids)]
    forget_marks.record_marks(cursor, domain, {*keys, *map(forget_marks.row_mark, ids)}, number)


def forget_source(database: Database, domain: str, source: str, *, missing_from: str | None = None) -> Forgotten:
    """Forget all rows of a source with its dead letters, or only the rows that a newer job did not find in it.

    Jobs of the source that began before (before the newer job, if one is named) cannot write its rows any more.

    Args:
        database: A connection of the calling thread.
        domain: The domain.
        source: The source's name, as in its rows.
        missing_from: A job that ended completed or partial: rows that are in its file stay, and so do dead letters.

    Raises:
        InvalidRequest: If the domain is unknown, or the job does not show which rows are missing.
        NotFound: If there is no such source or job.
    """
    with database.transaction() as cursor:
        check_known(cursor, domain)
        if not forget.source_is_known(cursor, domain, source):
            raise NotFound(f"domain {domain} has no source {source!r}")
        last = None if missing_from is None else _sequence(cursor, missing_from, domain=domain, source=source)
    before = _mark_source(database, domain, source, last)
    with database.transaction() as cursor:
        letters = forget.letters_of_source(cursor, domain, source, before=before) if last is None else []
    dropped = drop_letters(database, letters)
    rows = _forget_pass(database, domain, source, before)
    refresh_statistics(database, domain, drift=DRIFT)
    return Forgotten(rows, dropped)


def forget_all(database: Database, domain: str) -> Forgotten:
    """Forget every row of a domain and its dead letters, one source after another.

    Raises:
        InvalidRequest: If the domain is unknown.
    """
    with database.transaction() as cursor:
        check_known(cursor, domain)
        sources = sources_of(cursor, domain)
    gone = [forget_source(database, domain, source) for source in sources]
    with database.transaction() as cursor:
        forget_fields(cursor, domain)
    return Forgotten(sum(part.rows for part in gone), sum(part.dead_letters for part in gone))


def _mark_source(database: Database, domain: str, source: str, last: int | None) -> int:
    """Prevent the source's jobs that have begun, or began before ``last``, from writing; return the number."""

    def work(cursor: Cursor) -> int:
        lock_domain(cursor, domain)
        number = forget_marks.next_number(cursor) if last is None else last
        forget_marks.record_marks(cursor, domain, [forget_marks.source_mark(source)], number)
        return number

    return database.repeat(work)


def _forget_pass(database: Database, domain: str, source: str, before: int) -> int:
    """Forget the source's rows in one pass in id order: no batch reads deleted rows again. Return how many."""
    rows, after = 0, None

    def take(cursor: Cursor) -> list[UUID]:
        return forget.lock_rows_of_source(cursor, domain, source, before=before, after=after, limit=DEFAULT_CHUNK_ROWS)

    while ids := _forget_batch(database, domain, take, before=before):
        rows, after = rows + len(ids), ids[-1]
    return rows


def _sequence(cursor: Cursor, job_id: str, *, domain: str, source: str) -> int:
    job = find_job(cursor, job_id)
    name = (job.plan or {}).get("source")
    if job.domain != domain or name != source:
        raise InvalidRequest(f"job {job_id} is of source {name!r} in domain {job.domain}, not {source!r} in {domain}")
    if job.state not in ("completed", "partial") or job.seq is None:
        raise InvalidRequest(f"job {job_id} is {job.state}: only a completed or partial one has read its whole file")
    if job.rows_dead:
        raise InvalidRequest(
            f"job {job_id} has {job.rows_dead} dead letters, whose rows are in its file: `dead retry` or `dead drop` "
            "them first, or their older versions would be forgotten"
        )
    scope = (job.plan or {}).get("scope")
    if (unread := forget.unidentified_in(cursor, domain, scope=scope, seq=job.seq)) is not None:
        raise InvalidRequest(
            f"job {unread} has a row that ended its workers before its key was known, so that the row's older version "
            "would be forgotten: `dead retry` it; if it was dropped, ingest the file again without it and name that job"
        )
    return job.seq


def _taking(domain: str, ids: Sequence[UUID], *, before: int) -> Take:
    return lambda cursor: forget.lock_rows(cursor, domain, ids, before=before)


def _forget_batch(
    database: Database, domain: str, take: Take, *, before: int, named: Sequence[UUID] = ()
) -> list[UUID]:
    """Delete one batch by the rules of a chunk: rows are locked in order, positions taken last. Return the row ids.

    Keys of ``named`` rows are forgotten even if no such row is stored; one that a later job has stored stays. Jobs that
    began before number ``before`` cannot write any of them again, from any source.
    """

    def work(cursor: Cursor) -> list[UUID]:
        ids = take(cursor)
        _note(cursor, domain, ids, before)
        groups = joined.groups_of(cursor, domain, ids)
        forget.delete_rows(cursor, domain, ids, named)
        _join_rest(cursor, domain, groups)
        erase_answers_of_rows(cursor, domain, [*ids, *named])
        if ids:
            model = active_model(cursor, domain)
            append_log(cursor, domain=domain, ids=ids, job_id=None, model_id=model.model_id, tombstones=True)
        else:
            lock_domain(cursor, domain)  # a chunk that is being written must see that keys are gone
        forget_nacked(cursor, domain, [*ids, *named])
        return ids

    return database.repeat(work)


def _join_rest(cursor: Cursor, domain: str, groups: set[UUID]) -> None:
    """Join the rows that are left of these groups; new passages have no vectors until the next maintenance."""
    if not groups:
        return
    declared = get_domain(domain) if domain in domain_names() else None
    if declared is None or declared.join is None:
        joined.delete_passages(cursor, domain, joined.stored_passages(cursor, domain, groups))
        return
    write_groups(cursor, declared, active_model(cursor, domain).model_id, groups, lambda text: ())


def _letters_of_rows(cursor: Cursor, domain: str, ids: Sequence[UUID]) -> list[tuple[str, int, UUID]]:
    keys = forget.keys_of(cursor, domain, ids)
    # Letters of earlier versions have all characters but ASCII as escapes if one of them is half a pair.
    texts = sorted({form[1:-1] for key in keys for form in (stored_json(key.text), json.dumps(key.text))})
    found = []
    for letter in forget.candidate_letters(cursor, domain, ids, texts):
        row_id = letter.row_id if letter.row_id in ids else _row_of(letter, keys)
        if row_id is not None:
            found.append((letter.job_id, letter.row_no, row_id))
    return found


def _row_of(letter: LetterCandidate, keys: Sequence[Key]) -> UUID | None:
    """Return the row whose key is in a letter's normal form, if it is one of these."""
    form: Any = json.loads(letter.normal_form or "null")
    if not isinstance(form, dict) or letter.key_column not in form:
        return None
    cell = form[letter.key_column]
    value = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)
    for key in keys:
        same = value.lower() == key.text if key.scope is None else value == key.text and letter.scope == key.scope
        if same:
            return key.row_id
    return None
