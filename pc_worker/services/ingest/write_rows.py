"""Clean rows into the store: only new or changed ones are encoded, then one transaction writes everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal
from uuid import UUID

from pc_worker.domains import ColumnMapping, Domain, Record, content_hash
from pc_worker.errors import Conflict
from pc_worker.metrics.line import StageClock
from pc_worker.model import DeadLetter, Job, LogBatch, Model, RowWrite, StoredRow, Tally, WriteOutcome
from pc_worker.retry import RetryPolicy
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.embed import Embedder, Passages
from pc_worker.services.ingest.prepare import Cleaned, RowForm, json_text, letter
from pc_worker.services.ingest.still_wanted import check_still_wanted, forgotten_keys
from pc_worker.store.db.connection import Cursor
from pc_worker.store.ledger import dead_letters
from pc_worker.store.log import append
from pc_worker.store.models.model_switch import lock_domain
from pc_worker.store.rows import merge
from pc_worker.store.rows.identities import known_row_ids, row_ids
from pc_worker.store.search.terms import row_terms
from pc_worker.wire import WirePassage, row_head, row_message

#: A larger row cannot travel: one message holds 4 MiB with all framing.
WIRE_LIMIT = 4_000_000
#: For a transaction that meets other writers of the same rows.
CONFLICT_RETRIES = RetryPolicy(attempts=6, first_s=0.02, jitter_s=0.1, longest_s=1.6)

#: Books a tally to the ledger inside the transaction; True if the job has ended with it.
Book = Callable[[Cursor, Tally], bool]
Verdict = Literal["write", "unchanged", "superseded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Rows of one job that are written together."""

    job: Job
    domain: Domain
    mapping: ColumnMapping
    model: Model
    chunk_no: int
    cleaned: Cleaned
    form: RowForm


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A clean row with its identity: new, changed or the same."""

    record: Record
    row_id: UUID
    content_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Rows with their identities, what is stored of them, and the dead ones; ``gone`` = how many were forgotten."""

    candidates: Sequence[Candidate]
    stored: Mapping[UUID, StoredRow]
    letters: Sequence[DeadLetter]
    gone: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Rows ready to write by row number, each with its message; the rest could not be made ready."""

    writes: Mapping[int, RowWrite]
    messages: Mapping[int, bytes]
    letters: Mapping[int, DeadLetter]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What one transaction did, and the (row id, message) pairs for the queue, in position order."""

    outcome: WriteOutcome
    messages: Sequence[tuple[str, bytes]]


def write_rows(
    services: Services, work: Work, *, book: Book, clock: StageClock | None = None, embedder: Embedder | None = None
) -> Written:
    """Write rows with everything that belongs to them, in one transaction, however often it must be tried.

    Args:
        services: This process's connections and encoder.
        work: The cleaned rows.
        book: Books the tally to the ledger.
        clock: Where the seconds of embedding and writing are counted.
        embedder: One that may have vectors of these rows already; else one of its own.

    Raises:
        OutOfTime: If the embedder's patience ended; nothing is written then.
        Fenced: If the right to write was lost; nothing is written then.
        Conflict: If other writers of the same rows never gave way.
        Unavailable: If PostgreSQL went away; the ledger tells later whether the commit took place.
    """
    embedder = embedder or embedder_of(services, work)

    def once() -> Written:
        return _write_once(services, work, embedder, book, clock or StageClock())

    written = CONFLICT_RETRIES.call(once, on=lambda exc: type(exc) is Conflict)  # not its kinds, which stay true
    embedder.count(work.domain.name)
    return written


def embedder_of(services: Services, work: Work, *, patience_s: float = inf) -> Embedder:
    """Give an embedder for these rows."""
    return Embedder(services, work.model, split_long=work.domain.any_table is not None, patience_s=patience_s)


def verdict(candidate: Candidate, stored: StoredRow | None, *, seq: int) -> Verdict:
    """Decide what becomes of a row: the later-started job wins, equal content is left alone.

    >>> row = Candidate(record=None, row_id=UUID(int=1), content_hash=b"a")
    >>> verdict(row, StoredRow(job_seq=2, content_hash=b"b", embedded=True), seq=1)
    'superseded'
    """
    if stored is None:
        return "write"
    if stored.job_seq > seq:
        return "superseded"
    return "unchanged" if stored.embedded and stored.content_hash == candidate.content_hash else "write"


def _write_once(services: Services, work: Work, embedder: Embedder, book: Book, clock: StageClock) -> Written:
    with clock.stage("embed"):
        found = _found(services, work)
        seq = work.job.seq or 0
        wanted = [c for c in found.candidates if verdict(c, found.stored.get(c.row_id), seq=seq) == "write"]
        ready = made_ready(work, wanted, embedder.embed([c.record for c in wanted]))
    clock.leave_out("embed", embedder.take_loading())
    with clock.stage("write"), services.database.transaction() as cursor:
        return _commit(cursor, work, found, ready, book, made=embedder)


def _found(services: Services, work: Work) -> Found:
    domain, mapping, cleaned = work.domain.name, work.mapping, work.cleaned
    with services.database.transaction() as cursor:
        keys = [*(record.key for record in cleaned.records), *cleaned.letter_keys.values()]
        gone = forgotten_keys(cursor, mapping, keys, seq=work.job.seq or 0)
        records = [record for record in cleaned.records if record.key not in gone]
        ids = row_ids(cursor, domain, mapping.scope, [record.key for record in records])
        stored = merge.read_stored(
            cursor, domain=domain, model_id=work.model.model_id, ids=[ids[record.key] for record in records]
        )
    letters = [x for x in cleaned.letters if cleaned.letter_keys.get(x.row_no) not in gone]
    return Found(
        candidates=[Candidate(record=r, row_id=ids[r.key], content_hash=content_hash(r)) for r in records],
        stored=stored,
        letters=letters,
        gone=len(cleaned.records) - len(records) + len(cleaned.letters) - len(letters),
    )


def made_ready(work: Work, wanted: Sequence[Candidate], embedded: Mapping[int, Passages | str]) -> Ready:
    """Make rows ready to write from their vectors; those that cannot be encoded or are too large become letters."""
    writes: dict[int, RowWrite] = {}
    messages: dict[int, bytes] = {}
    letters: dict[int, DeadLetter] = {}
    for candidate in wanted:
        row_no, passages = candidate.record.row_no, embedded[candidate.record.row_no]
        if isinstance(passages, str):
            letters[row_no] = letter(row_no, passages, work.form)
            continue
        write = _row_write(work, candidate, passages)
        message = _message(work, write)
        if len(message) > WIRE_LIMIT:
            reason = f"the row is {len(message):,} bytes on the wire: {WIRE_LIMIT:,} is the most"
            letters[row_no] = letter(row_no, reason, work.form)
        else:
            writes[row_no], messages[row_no] = write, message
    return Ready(writes=writes, messages=messages, letters=letters)


def _row_write(work: Work, candidate: Candidate, passages: Passages) -> RowWrite:
    record = candidate.record
    head = row_head(
        work.domain.row_type,
        row_id=str(candidate.row_id),
        key=record.key,
        source=work.mapping.source,
        payload=record.payload,
    )
    return RowWrite(
        row_no=record.row_no,
        row_id=candidate.row_id,
        key=record.key,
        payload_json=json_text(record.payload),
        text=record.text,
        content_hash=candidate.content_hash,
        wire=head,
        terms=row_terms(work.domain.name, record.search_text, record.payload),
        passages=passages,
    )


def _message(work: Work, write: RowWrite) -> bytes:
    passages = [WirePassage(p.start, p.end, p.vector.astype("<f4", copy=False).tobytes()) for p in write.passages]
    return row_message(work.domain.row_type, write.wire, passages, work.model.label)


def _commit(cursor: Cursor, work: Work, found: Found, ready: Ready, book: Book, *, made: Embedder) -> Written:
    job, domain, seq = work.job, work.domain.name, work.job.seq or 0
    skipped = set(known_row_ids(cursor, domain, work.mapping.scope, work.cleaned.skipped_keys).values())
    ids = [*(c.row_id for c in found.candidates), *skipped]
    stored = merge.read_stored(cursor, domain=domain, model_id=work.model.model_id, ids=ids, lock=True)
    by_verdict: dict[Verdict, list[Candidate]] = {"write": [], "unchanged": [], "superseded": []}
    for candidate in found.candidates:
        by_verdict[verdict(candidate, stored.get(candidate.row_id), seq=seq)].append(candidate)
    numbers = [c.record.row_no for c in by_verdict["write"]]
    if any(n not in ready.writes and n not in ready.letters for n in numbers):
        raise Conflict("a row that was unchanged has changed meanwhile")
    rows = [ready.writes[n] for n in numbers if n in ready.writes]
    letters = [*found.letters, *(ready.letters[n] for n in numbers if n in ready.letters)]
    tally = Tally(
        written=len(rows),
        unchanged=len(by_verdict["unchanged"]),
        skipped=work.cleaned.skipped + len(by_verdict["superseded"]) + found.gone,
        dead=len(letters),
        texts_encoded=made.texts_encoded,
        tokens_encoded=made.tokens,
    )
    # A skipped row leaves its older version as it is, but it has not vanished from its source.
    merge.mark_seen(cursor, job=job, ids=skipped, same=False)
    merge.mark_seen(cursor, job=job, ids=[c.row_id for c in by_verdict["unchanged"]], same=True)
    if rows:
        fresh = {row.row_id for row in rows if row.row_id not in stored}
        merge.upsert_rows(cursor, job=job, source=work.mapping.source, rows=rows, fresh=fresh)
    dead_letters.insert_dead_letters(cursor, job=job, chunk_no=work.chunk_no, letters=letters)
    finished = book(cursor, tally)
    # Last: from here to the commit the domain's other writers wait.
    log_batch = _log(cursor, work, rows, letters)
    outcome = WriteOutcome(tally=tally, log_batch=log_batch, job_finished=finished)
    return Written(outcome=outcome, messages=[(str(row.row_id), ready.messages[row.row_no]) for row in rows])


def _log(cursor: Cursor, work: Work, rows: Sequence[RowWrite], letters: Sequence[DeadLetter]) -> LogBatch | None:
    """Take positions, and look under the domain's lock whether what is written was forgotten meanwhile."""
    domain, ids = work.domain.name, [row.row_id for row in rows]
    log_batch = append.append_log(cursor, domain=domain, ids=ids, job_id=work.job.job_id, model_id=work.model.model_id)
    written: dict[str, UUID | None] = {row.key: row.row_id for row in rows}
    written |= {key: None for x in letters if (key := work.cleaned.letter_keys.get(x.row_no)) is not None}
    if written and log_batch is None:
        lock_domain(cursor, domain)
    check_still_wanted(cursor, work.mapping, written, seq=work.job.seq or 0)
    return log_batch
