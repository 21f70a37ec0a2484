"""Write clean rows: only new and changed ones are encoded, then one transaction writes everything or nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal
from uuid import UUID

from pc_worker.domains import ColumnMapping, Record, content_hash
from pc_worker.errors import Conflict
from pc_worker.metrics.line import StageClock
from pc_worker.model import DeadLetter, Job, LogBatch, RowOrigin, RowWrite, StoredRow, Tally, WriteOutcome
from pc_worker.retry import RetryPolicy
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.rows.dead_letter import too_large
from pc_worker.services.ingest.rows.embed import Embedder
from pc_worker.services.ingest.rows.join import ChunkEncoding
from pc_worker.services.ingest.rows.prepare import Candidate, Cleaned, PreparedRows, RowContext, prepare_rows
from pc_worker.services.ingest.rows.unchanged import KnownRows, check_same, stored_hash
from pc_worker.store.db.connection import Cursor
from pc_worker.store.ledger.dead_letters import insert_dead_letters
from pc_worker.store.log import append
from pc_worker.store.models.model_switch import lock_domain
from pc_worker.store.rows import forget_marks, merge
from pc_worker.store.rows.identities import known_row_ids, row_ids

#: For a transaction that conflicts with other writers of the same rows.
CONFLICT_RETRIES = RetryPolicy(attempts=6, first_s=0.02, jitter_s=0.1, longest_s=1.6)

#: Records a tally in the ledger, inside the transaction; returns whether the job has ended with it.
RecordTally = Callable[[Cursor, Tally], bool]
Verdict = Literal["write", "unchanged", "superseded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Clean rows of one job that are written together; ``known`` rows are stored with the same cells."""

    job: Job
    chunk_no: int
    context: RowContext
    cleaned: Cleaned
    known: KnownRows = field(default_factory=KnownRows)

    @property
    def domain(self) -> str:
        """The domain's name."""
        return self.context.domain.name

    @property
    def seq(self) -> int:
        """The job's number in its domain: of two jobs, the later one wins."""
        return self.job.seq or 0

    @property
    def origin(self) -> RowOrigin:
        """What the rows are stored with."""
        return self.job.row_origin(self.context.mapping.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Rows with their identities, what is stored of them, their dead letters, and how many were forgotten."""

    candidates: Sequence[Candidate]
    stored: Mapping[UUID, StoredRow]
    letters: Sequence[DeadLetter]
    forgotten: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The candidates by what happens to them, decided under the rows' locks.

    ``fresh`` rows are not stored yet; ``unchanged`` ones have their cells' hash, which is stored if it is another.
    """

    rows: Sequence[RowWrite]
    letters: Sequence[DeadLetter]
    unchanged: dict[UUID, bytes | None]
    superseded: int
    fresh: Collection[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What one transaction did, and the (row id, message) pairs for the hot buffer, in position order."""

    outcome: WriteOutcome
    messages: Sequence[tuple[str, bytes]]


def write_rows(
    services: Services,
    work: Work,
    *,
    record_tally: RecordTally,
    clock: StageClock | None = None,
    embedder: Embedder | None = None,
) -> Written:
    """Write rows with their vectors, terms, dead letters, log entries and tally in one transaction; repeat conflicts.

    Args:
        services: This process's shared dependencies.
        work: The clean rows.
        record_tally: Records the tally in the ledger.
        clock: Measures the seconds of embedding and writing.
        embedder: One that may already have vectors of these rows; else a new one.

    Raises:
        OutOfTime: If the embedder's time is up; nothing is written then.
        Fenced: If a newer attempt has the lease; nothing is written then.
        Conflict: If the conflicts with other writers did not end.
        SameRowChanged: If a row is not as it was when it was recognised as unchanged; nothing is written then.
        Unavailable: If PostgreSQL went away; the ledger shows later whether the commit succeeded.
    """
    encoding = ChunkEncoding(embedder or embedder_of(services, work), work.context.domain)

    def once() -> Written:
        return _write_once(services, work, encoding, record_tally, clock or StageClock())

    written = CONFLICT_RETRIES.call(once, on=lambda exc: type(exc) is Conflict)  # its subclasses would occur again
    encoding.count()
    return written


def embedder_of(services: Services, work: Work, *, patience_s: float = inf) -> Embedder:
    """Return an embedder for these rows."""
    context = work.context
    split_long = context.domain.any_table is not None
    return Embedder(services, context.model, split_long=split_long, patience_s=patience_s, job_id=work.job.job_id)


def verdict(candidate: Candidate, stored: StoredRow | None, *, seq: int) -> Verdict:
    """Decide what happens to a row: the later-started job wins, and equal content is not written again.

    >>> row = Candidate(record=None, row_id=UUID(int=1), content_hash=b"a")
    >>> verdict(row, StoredRow(job_seq=2, content_hash=b"b", embedded=True), seq=1)
    'superseded'
    """
    if stored is None:
        return "write"
    if stored.job_seq > seq:
        return "superseded"
    return "unchanged" if stored.embedded and stored.content_hash == candidate.content_hash else "write"


def _write_once(
    services: Services, work: Work, encoding: ChunkEncoding, record_tally: RecordTally, clock: StageClock
) -> Written:
    with clock.stage("embed"):
        found = _find(services, work)
        wanted = [c for c in found.candidates if verdict(c, found.stored.get(c.row_id), seq=work.seq) == "write"]
        refused = {c.record.row_no: reason for c in wanted if (reason := too_large(c.record)) is not None}
        embedded = encoding.rows.embed([c.record for c in wanted if c.record.row_no not in refused])
        ready = prepare_rows(work.context, wanted, embedded | refused)
        encoding.expect(ready.writes.values())
    clock.leave_out("embed", encoding.take_loading())
    with clock.stage("write"), services.database.transaction() as cursor:
        return _commit(cursor, work, found, ready, record_tally, encoding)


def _find(services: Services, work: Work) -> Found:
    """Look up the rows' identities and what is stored of them, without the rows that were forgotten meanwhile."""
    mapping, cleaned = work.context.mapping, work.cleaned
    if not cleaned.records and not cleaned.letters:
        return Found(candidates=[], stored={}, letters=[], forgotten=0)
    with services.database.transaction() as cursor:
        keys = [*(record.key for record in cleaned.records), *cleaned.letter_keys.values()]
        gone = forgotten_keys(cursor, mapping, keys, seq=work.seq)
        records = [record for record in cleaned.records if record.key not in gone]
        ids = row_ids(cursor, work.domain, mapping.scope, [record.key for record in records])
        stored = _stored(cursor, work, [ids[record.key] for record in records])
    letters = [x for x in cleaned.letters if cleaned.letter_keys.get(x.row_no) not in gone]
    return Found(
        candidates=[_candidate(work, record, ids[record.key]) for record in records],
        stored=stored,
        letters=letters,
        forgotten=len(cleaned.records) - len(records) + len(cleaned.letters) - len(letters),
    )


def _candidate(work: Work, record: Record, row_id: UUID) -> Candidate:
    content, cells = content_hash(record), work.known.cells.get(record.row_no)
    return Candidate(record=record, row_id=row_id, content_hash=content, cells_hash=stored_hash(cells, content))


def _stored(cursor: Cursor, work: Work, ids: Collection[UUID], *, lock: bool = False) -> dict[UUID, StoredRow]:
    model_id = work.context.model.model_id
    return merge.read_stored(cursor, domain=work.domain, model_id=model_id, ids=ids, lock=lock)


def _commit(
    cursor: Cursor, work: Work, found: Found, ready: PreparedRows, record_tally: RecordTally, encoding: ChunkEncoding
) -> Written:
    """Write everything; the caller's transaction commits it. The order of the steps prevents deadlocks."""
    kept, same = _kept_rows(cursor, work, found, ready), work.known.same
    stored = _stored(cursor, work, [*(c.row_id for c in found.candidates), *same, *kept], lock=True)
    check_same(same, stored, seq=work.seq)
    decided = _decide(found, ready, stored, seq=work.seq)
    merge.mark_seen(cursor, origin=work.origin, rows=dict.fromkeys(kept), same=False)
    merge.mark_seen(cursor, origin=work.origin, rows=dict.fromkeys(same) | decided.unchanged, same=True)
    if decided.rows:
        merge.upsert_rows(cursor, origin=work.origin, rows=decided.rows, fresh=decided.fresh)
    encoding.join(cursor, decided.rows)
    insert_dead_letters(cursor, job=work.job, chunk_no=work.chunk_no, letters=decided.letters)
    tally = _tally(work, found, decided, encoding)
    finished = record_tally(cursor, tally)
    # Last: from here to the commit the domain's other writers wait.
    log_batch = _append_log(cursor, work, decided)
    outcome = WriteOutcome(tally=tally, log_batch=log_batch, job_finished=finished)
    return Written(outcome=outcome, messages=[(str(row.row_id), ready.messages[row.row_no]) for row in decided.rows])


def _kept_rows(cursor: Cursor, work: Work, found: Found, ready: PreparedRows) -> set[UUID]:
    """Return the rows whose older versions stay as they are because the source still contains them: skipped or dead."""
    keys = [*work.cleaned.skipped_keys, *work.cleaned.letter_keys.values()]
    known = known_row_ids(cursor, work.domain, work.context.mapping.scope, keys)
    return {*known.values(), *(c.row_id for c in found.candidates if c.record.row_no in ready.letters)}


def _decide(found: Found, ready: PreparedRows, stored: Mapping[UUID, StoredRow], *, seq: int) -> Decided:
    """Decide again, under the rows' locks, what happens to each row.

    Raises:
        Conflict: If a row must be written that was unchanged before, so that it has no vectors yet.
    """
    by_verdict: dict[Verdict, list[Candidate]] = {"write": [], "unchanged": [], "superseded": []}
    for candidate in found.candidates:
        by_verdict[verdict(candidate, stored.get(candidate.row_id), seq=seq)].append(candidate)
    numbers = [c.record.row_no for c in by_verdict["write"]]
    if any(n not in ready.writes and n not in ready.letters for n in numbers):
        raise Conflict("a row that was unchanged has changed meanwhile")
    rows = [ready.writes[n] for n in numbers if n in ready.writes]
    return Decided(
        rows=rows,
        letters=[*found.letters, *(ready.letters[n] for n in numbers if n in ready.letters)],
        unchanged={c.row_id: c.cells_hash for c in by_verdict["unchanged"]},
        superseded=len(by_verdict["superseded"]),
        fresh={row.row_id for row in rows if row.row_id not in stored},
    )


def _tally(work: Work, found: Found, decided: Decided, encoding: ChunkEncoding) -> Tally:
    return Tally(
        written=len(decided.rows),
        unchanged=len(decided.unchanged) + len(work.known.same),
        skipped=work.cleaned.skipped + decided.superseded + found.forgotten,
        dead=len(decided.letters),
        texts_encoded=encoding.texts_encoded,
        tokens_encoded=encoding.tokens,
    )


def _append_log(cursor: Cursor, work: Work, decided: Decided) -> LogBatch | None:
    """Take positions and check, under the domain's lock, that no written row was forgotten meanwhile."""
    ids, model_id = [row.row_id for row in decided.rows], work.context.model.model_id
    log_batch = append.append_log(cursor, domain=work.domain, ids=ids, job_id=work.job.job_id, model_id=model_id)
    keys = (work.cleaned.letter_keys.get(letter.row_no) for letter in decided.letters)
    written = {key: None for key in keys if key is not None} | {row.key: row.row_id for row in decided.rows}
    if written and log_batch is None:
        lock_domain(cursor, work.domain)
    check_not_forgotten(cursor, work.context.mapping, written, seq=work.seq)
    return log_batch


def forgotten_keys(cursor: Cursor, mapping: ColumnMapping, keys: Collection[str], *, seq: int) -> set[str]:
    """Return the keys whose rows were forgotten, alone or with their source, after job ``seq`` began."""
    if not keys or not forget_marks.any_after(cursor, mapping.domain, seq):
        return set()
    by_mark = {forget_marks.key_mark(mapping.scope, key): key for key in keys}
    source = forget_marks.source_mark(mapping.source)
    found = forget_marks.marked(cursor, mapping.domain, [source, *by_mark], seq)
    return set(keys) if source in found else {by_mark[mark] for mark in found}


def check_not_forgotten(
    cursor: Cursor, mapping: ColumnMapping, written: Mapping[str, UUID | None], *, seq: int
) -> None:
    """Check that no row that is about to be committed was forgotten meanwhile; the domain must be locked.

    Args:
        cursor: Of the transaction that writes.
        mapping: How the job's source is read.
        written: Keys with the row that each was written as, None for a dead letter.
        seq: The job's number.

    Raises:
        Conflict: If one was forgotten: look the keys up again.
    """
    if not written or not forget_marks.any_left(cursor, mapping.domain):
        return
    if forgotten_keys(cursor, mapping, written, seq=seq):
        raise Conflict("a row was forgotten meanwhile")
    rows = {key: row_id for key, row_id in written.items() if row_id is not None}
    known = known_row_ids(cursor, mapping.domain, mapping.scope, list(rows))
    if any(known.get(key) != row_id for key, row_id in rows.items()):
        raise Conflict("a row's key was forgotten meanwhile")
