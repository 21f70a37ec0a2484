"""Jobs, and the outcomes of their rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pc_worker.model.row import RowOrigin

JobState = Literal["queued", "splitting", "running", "completed", "partial", "failed", "cancelled"]

OPEN_STATES: tuple[JobState, ...] = ("queued", "splitting", "running")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Row counts by outcome, and what was encoded for them."""

    written: int = 0
    unchanged: int = 0
    skipped: int = 0
    dead: int = 0
    texts_encoded: int = 0
    tokens_encoded: int = 0

    @property
    def rows(self) -> int:
        """The number of rows that are accounted for."""
        return self.written + self.unchanged + self.skipped + self.dead


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One ingest of a source into a domain, as the ledger stores it.

    Attributes:
        seq: Number in the order of start; None until the job starts.
        request: The request as submitted.
        plan: The column mapping that the split chose; None before the split.
        fingerprint: Size, modification time and digest of the source, which show a changed file; None before the split.
        model_id: The model that the rows are embedded with; None before the split.
        max_dead: Dead rows up to which the job counts as completed.
        texts_encoded: Texts sent to the encoder; the others had a vector already.
        error_code: The code of the class of ``error``, if that is known.
    """

    job_id: str
    seq: int | None
    domain: str
    source: str
    request: dict[str, Any]
    plan: dict[str, Any] | None
    fingerprint: dict[str, Any] | None
    model_id: int | None
    state: JobState
    max_dead: int
    rows_total: int
    rows_written: int
    rows_unchanged: int
    rows_skipped: int
    rows_dead: int
    texts_encoded: int
    chunks_total: int
    chunks_done: int
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error_code: str | None = None

    @property
    def rows_accounted(self) -> int:
        """The number of its rows that have an outcome."""
        return Tally(
            written=self.rows_written, unchanged=self.rows_unchanged, skipped=self.rows_skipped, dead=self.rows_dead
        ).rows

    def row_origin(self, source: str) -> RowOrigin:
        """Return the origin of the rows that this job writes; ``source`` = the source's name in the rows."""
        return RowOrigin(domain=self.domain, source=source, job_seq=self.seq or 0, model_id=self.model_id or 0)
