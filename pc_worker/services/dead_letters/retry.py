"""Retry dead letters from the unchanged source, else from their stored form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pc_worker.domains import BatchView, ColumnMapping, get_domain
from pc_worker.errors import (
    DatabaseFailed,
    Fenced,
    HomeUnusable,
    InvalidRequest,
    ModelUnavailable,
    NotServable,
    PcWorkerError,
    SourceDenied,
    SourceForbidden,
    SourceRejected,
)
from pc_worker.logs import get_logger
from pc_worker.model import Job, Tally
from pc_worker.reader import MISSING, Json
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.publish import push_written
from pc_worker.services.ingest.rows.prepare import RowContext, clean_rows, numbered_keys
from pc_worker.services.ingest.rows.write import RecordTally, Work, write_rows
from pc_worker.services.sources import rejecting, stored_options
from pc_worker.store.db.connection import Cursor
from pc_worker.store.ledger import dead_letters, jobs
from pc_worker.store.ledger.dead_letters import BEFORE_ALL, LetterId, LetterOutcome, StoredLetter
from pc_worker.store.ledger.letter_filter import LetterFilter
from pc_worker.store.models import registry

log = get_logger(__name__)

#: Letters that are read at once.
PAGE = 500

#: What this machine or its settings lack: it would fail each further letter, and no letter is worse for it.
_LACKING = (ModelUnavailable, NotServable, HomeUnusable, SourceDenied)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """The outcome of one retried row; ``from_stored_form`` = its source is missing or has changed.

    A row that only a batch server refused has no number in its source any more, and perhaps no known job.
    """

    job_id: str | None
    row_no: int | None
    outcome: LetterOutcome | str
    reason: str | None
    from_stored_form: bool


class _Cells(dict[str, Sequence[object]]):
    """The cells of one row by column name; the form of a row lacks the columns for which the row has no value."""

    def __missing__(self, name: str) -> Sequence[object]:
        return [MISSING]


class SingleRowBatch:
    """One row in normal form, as a batch of one row."""

    def __init__(self, row_no: int, form: Mapping[str, Json]) -> None:
        self.start = row_no
        self._form = dict(form)

    def __len__(self) -> int:
        return 1

    @property
    def columns(self) -> Mapping[str, Sequence[object]]:
        """The cells by column name; ``MISSING`` for a column without a value."""
        return _Cells({name: [cell] for name, cell in self._form.items()})

    def normal_row(self, i: int) -> dict[str, Json]:
        """Return the row itself."""
        return self._form


def letters_page(
    services: Services, wanted: LetterFilter, *, after: LetterId = BEFORE_ALL, limit: int = PAGE
) -> list[StoredLetter]:
    """Return the next dead letters after a job and row number, in that order."""
    with services.database.transaction() as cursor:
        return dead_letters.next_letters(cursor, wanted, after=after, limit=limit)


def matching_letters(services: Services, wanted: LetterFilter) -> Iterator[StoredLetter]:
    """Yield the dead letters that match, a page at a time: memory does not grow with their number."""
    after = BEFORE_ALL
    while page := letters_page(services, wanted, after=after):
        yield from page
        after = page[-1].letter_id


def retry_dead(services: Services, wanted: LetterFilter) -> Iterator[Retried]:
    """Retry letters, each in its own transaction; a row that is dead again stays, with its new reason.

    Raises:
        ModelUnavailable, NotServable, HomeUnusable, SourceDenied: At the first letter for which something is missing
            here; the letter and those after it are as they were.
    """
    yield from retry_letters(services, matching_letters(services, wanted))


def retry_letters(services: Services, letters: Iterable[StoredLetter]) -> Iterator[Retried]:
    """Retry these letters; those that another caller retried or dropped meanwhile are left out."""
    for letter in letters:
        with suppress(Fenced):
            yield _retried_alone(services, letter)


@dataclass(frozen=True, slots=True)
class FoundRow:
    """The row of a dead letter: the cells that its domain reads, and the whole row."""

    batch: BatchView
    whole: BatchView

    def form(self, _: int) -> Mapping[str, Json]:
        """Return the row in normal form, with all columns."""
        return self.whole.normal_row(0)


def _retried_alone(services: Services, letter: StoredLetter) -> Retried:
    """Retry a letter; what is wrong with it, its job or its source leaves it dead and does not stop the others."""
    try:
        return _retry(services, letter)
    except _LACKING:
        raise
    except (InvalidRequest, SourceRejected, DatabaseFailed) as exc:
        return _retried(letter, "dead", str(exc), stored_form=False)
    except PcWorkerError:
        raise
    except Exception as exc:
        log.exception("retry_mistaken", job_id=letter.job_id, row_no=letter.row_no)
        fault = f"pc_worker itself made a mistake ({type(exc).__name__}; more is in the log): report it"
        return _retried(letter, "dead", fault, stored_form=False)


def _retry(services: Services, letter: StoredLetter) -> Retried:
    with services.database.transaction() as cursor:
        job = jobs.pin_active_model(cursor, jobs.find_job(cursor, letter.job_id))
        model = registry.read_model(cursor, job.model_id or 0)
        number = dead_letters.occurrence(cursor, job.job_id, letter.row_no)
    domain, mapping = get_domain(job.domain), ColumnMapping.from_dict(job.plan or {})
    found = _from_source(services, job, mapping, letter)
    stored_form = found is None
    found = found or _from_letter(services, letter)
    if found is None:
        reason = "the source is missing or has changed, and the row's form is not known"
        return _retried(letter, "dead", reason, stored_form=stored_form)
    context = RowContext(domain=domain, mapping=mapping, model=model, form=found.form)
    keys = numbered_keys(domain, mapping, found.batch, {letter.row_no: number})
    cleaned = clean_rows(domain, mapping, found.batch, keys=keys, superseded=(), form=found.form)
    work = Work(job=job, chunk_no=letter.chunk_no, context=context, cleaned=cleaned)
    written = write_rows(services, work, record_tally=_recorder(letter))
    push_written(services, domain, written)
    outcome = _outcome(written.outcome.tally)
    return _retried(
        letter, outcome or "dead", None if outcome else _reason_now(services, letter), stored_form=stored_form
    )


def _from_source(services: Services, job: Job, mapping: ColumnMapping, letter: StoredLetter) -> FoundRow | None:
    """Return the row of the unchanged source; None if that is missing or has changed.

    Raises:
        SourceForbidden: If this process may not read it: it may be unchanged.
    """
    try:
        table = services.sources.open(job.source, job.fingerprint, options=stored_options(job.request))
        with rejecting(job.source):
            first, end = letter.row_no, letter.row_no + 1
            return FoundRow(table.read(first, end, mapping.columns), table.read(first, end))
    except SourceForbidden:
        raise
    except SourceRejected:
        return None


def _from_letter(services: Services, letter: StoredLetter) -> FoundRow | None:
    with services.database.transaction() as cursor:
        forms = dead_letters.normal_forms(cursor, letter.job_id, [letter.row_no])
    form = json.loads(forms.get(letter.row_no) or "null")
    if not isinstance(form, dict):
        return None
    row = SingleRowBatch(letter.row_no, form)
    return FoundRow(row, row)


def _reason_now(services: Services, letter: StoredLetter) -> str:
    with services.database.transaction() as cursor:
        return dead_letters.reason(cursor, letter.job_id, letter.row_no) or letter.reason


def _recorder(letter: StoredLetter) -> RecordTally:
    """Return what moves the letter to its row's outcome; a row that is dead again must still have its letter."""

    def record(cursor: Cursor, tally: Tally) -> bool:
        outcome, encoded, place = _outcome(tally), tally.texts_encoded, (letter.job_id, letter.row_no)
        if outcome is None:
            found = dead_letters.was_there(cursor, *place)
        else:
            found = dead_letters.move_letters(cursor, place[0], [place[1]], outcome=outcome, texts_encoded=encoded) > 0
        if not found:
            raise Fenced(f"row {letter.row_no} of job {letter.job_id} is no dead letter any more")
        return False

    return record


def _outcome(tally: Tally) -> LetterOutcome | None:
    """Return the outcome of one row, None if it is dead again."""
    if tally.written:
        return "written"
    if tally.unchanged:
        return "unchanged"
    return "skipped" if tally.skipped else None


def _retried(letter: StoredLetter, outcome: str, reason: str | None, *, stored_form: bool) -> Retried:
    return Retried(
        job_id=letter.job_id,
        row_no=letter.row_no,
        outcome=outcome,
        reason=reason,
        from_stored_form=stored_form,
    )
