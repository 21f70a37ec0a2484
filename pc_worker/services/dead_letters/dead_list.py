"""All refused rows: list them, group them by their reasons, retry or drop all that match."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pydantic import Field

from pc_worker.errors import InvalidRequest
from pc_worker.services.dead_letters.retry import Retried, matching_letters, retry_dead
from pc_worker.services.declarations import check_known
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.rows.dead_letter import WIRE_LIMIT
from pc_worker.services.push import rejections
from pc_worker.services.request_model import DomainName, RequestModel
from pc_worker.store.db.connection import is_storable
from pc_worker.store.ledger import dead_rows, jobs
from pc_worker.store.ledger.dead_letters import BATCH, StoredLetter, drop_letters
from pc_worker.store.ledger.dead_rows import DeadKind, DeadPage, DeadRow, LetterGroup, Place
from pc_worker.store.ledger.letter_filter import LetterFilter

MAX_REASON_CHARS = 1_000
#: Rows that are read at once: one may have megabytes.
PAGE = 50


class LetterSelection(RequestModel):
    """Which refused rows; without any field all that the caller may know."""

    job: str | None = Field(default=None, description="the id of a job")
    domain: DomainName | None = Field(default=None, description="the name of a domain")
    reason: str = Field(
        default="",
        max_length=MAX_REASON_CHARS,
        description=f"a part of the reason, of at most {MAX_REASON_CHARS:,} characters, in upper or lower case",
    )


def selected(services: Services, asked: LetterSelection, *, known: frozenset[str] | None = None) -> LetterFilter:
    """Return the filter of a selection, limited to the rows that are refused by now.

    Args:
        services: This process's shared dependencies.
        asked: The selection.
        known: The domains whose rows and jobs the caller may know; None = all.

    Raises:
        NotFound: If it names a job that does not exist, or that the caller may not know.
        InvalidRequest: If there is no such domain, or no reason can contain its text.
    """
    domains = known
    if asked.domain is not None:
        with services.database.transaction() as cursor:
            check_known(cursor, asked.domain)
        domains = frozenset((asked.domain,))
    wanted = LetterFilter(job_id=asked.job, domains=domains, reason=asked.reason)
    return checked_filter(services, wanted, known=known)


def checked_filter(services: Services, wanted: LetterFilter, *, known: frozenset[str] | None = None) -> LetterFilter:
    """Return the filter, limited to the rows that are refused by now.

    Args:
        services: This process's shared dependencies.
        wanted: The conditions.
        known: The domains whose jobs the caller may know; None = all.

    Raises:
        NotFound: If it names a job that does not exist, or that the caller may not know.
        InvalidRequest: If no reason can contain its text.
    """
    if not is_storable(wanted.reason):
        raise InvalidRequest("the text to find in reasons holds characters that no reason has")
    if wanted.job_id is not None:
        with services.database.transaction() as cursor:
            job = jobs.find_job(cursor, wanted.job_id)
        if known is not None and job.domain not in known:
            raise jobs.no_job(wanted.job_id)
    return replace(wanted, until=datetime.now(UTC))


def dead_page(services: Services, wanted: LetterFilter, *, after: Place | None, limit: int) -> DeadPage:
    """Return the next refused rows after a place, oldest first; fewer than ``limit`` if they are large."""
    with services.database.transaction() as cursor:
        return dead_rows.read_dead_rows(cursor, wanted, wire_limit=WIRE_LIMIT, after=after, limit=limit)


def all_dead(services: Services, wanted: LetterFilter) -> Iterator[DeadRow]:
    """Yield all refused rows that match, oldest first, a page at a time."""
    after: Place | None = None
    while True:
        page = dead_page(services, wanted, after=after, limit=PAGE)
        yield from page.rows
        if not page.more:
            return
        after = page.rows[-1].place


def letter_groups(services: Services, wanted: LetterFilter, *, limit: int = 100) -> list[LetterGroup]:
    """Return the refused rows grouped by their reasons without values, largest group first."""
    with services.database.transaction() as cursor:
        return dead_rows.read_letter_groups(cursor, wanted, wire_limit=WIRE_LIMIT, limit=limit)


def count_dead(services: Services, wanted: LetterFilter) -> dict[DeadKind, int]:
    """Return the number of refused rows by kind; those too large for a model can be neither retried nor dropped."""
    with services.database.transaction() as cursor:
        return dead_rows.count_dead_rows(cursor, wanted, wire_limit=WIRE_LIMIT)


def retry_matching(services: Services, wanted: LetterFilter, *, servers: Sequence[str]) -> Iterator[Retried]:
    """Retry all that match, each in its own transaction: dead letters here, rejected rows at their batch servers.

    Raises:
        Unavailable: If a batch server does not answer; the dead letters have been retried then.
    """
    yield from retry_dead(services, wanted)
    yield from retry_pushes(services, wanted, servers=servers)


def drop_matching(services: Services, wanted: LetterFilter) -> Iterator[int]:
    """Drop all that match, and yield the number of dropped rows after each batch.

    Rows of dead letters count as skipped from now on; what only a batch server refused stays stored here.
    """
    letters = matching_letters(services, wanted)
    while batch := list(islice(letters, BATCH)):
        yield drop_some(services, batch)
    yield drop_pushes(services, wanted)


def drop_some(services: Services, letters: Sequence[StoredLetter]) -> int:
    """Drop these letters; return how many were still there."""
    return drop_letters(services.database, [letter.letter_id for letter in letters])


def drop_pushes(services: Services, wanted: LetterFilter) -> int:
    """Drop the rejections of batch servers that match; return how many."""
    return rejections.drop_rejected(services.database, wanted)


def retry_pushes(services: Services, wanted: LetterFilter, *, servers: Sequence[str]) -> Iterator[Retried]:
    """Send the rows again that batch servers rejected.

    Raises:
        Unavailable: If a batch server does not answer.
    """
    for again in rejections.retry_rejected(services.database, wanted, servers=servers):
        yield _pushed(again)


def dead_document(row: DeadRow) -> dict[str, Any]:
    """Return the document of a refused row, as `dead list --json` prints it."""
    return {
        "kind": row.kind,
        "job_id": row.job_id,
        "row_no": row.row_no,
        "domain": row.domain,
        "reason": row.reason,
        "row": None if row.form is None else json.loads(row.form),
        "created_at": row.created_at.isoformat(),
    }


def _pushed(again: rejections.PushedAgain) -> Retried:
    return Retried(
        job_id=again.rejection.job_id,
        row_no=None,
        outcome="written" if again.reason is None else "dead",
        reason=None if again.reason is None else f"batch server {again.rejection.address}: {again.reason}",
        from_stored_form=False,
    )
