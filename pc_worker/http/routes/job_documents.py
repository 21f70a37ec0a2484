"""The documents of jobs and chunks, as the API sends them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from pc_worker.model import JobState
from pc_worker.store.ledger.job_pages import ChunkState


class JobSummary(BaseModel):
    """A job: the document of `status --json`."""

    job_id: str
    domain: str
    source: str = Field(description="The absolute path of the source.")
    state: JobState
    rows_total: int
    rows_written: int
    rows_unchanged: int
    rows_skipped: int
    rows_dead: int
    texts_encoded: int
    chunks_total: int
    chunks_done: int
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None


class JobDocument(JobSummary):
    """A job with its progress."""

    stage_seconds: dict[str, float] = Field(description="Seconds in each stage, all workers together.")
    rows_per_s: float | None
    eta_s: float | None = Field(description="Seconds until its last row at that rate; null unless it runs.")


class StageSeconds(BaseModel):
    """Seconds that a chunk spent in each stage."""

    model_config = ConfigDict(from_attributes=True)

    read: float
    clean: float
    embed: float
    write: float


class ChunkDocument(BaseModel):
    """A chunk of a job: its attempts, its seconds by stage, and who holds it."""

    model_config = ConfigDict(from_attributes=True)

    chunk_no: int
    first_row: int
    row_count: int
    state: str = Field(description="`waiting`, `enqueued`, `done` or `failed`.")
    attempt: int = Field(description="Number of the newest attempt; 0 before the first.")
    crashes: int = Field(description="Attempts whose worker died.")
    failures: int = Field(description="Attempts that ended with an error.")
    halved: bool = Field(description="Whether it is a part of a chunk that killed its workers.")
    enqueued_at: datetime | None
    done_at: datetime | None
    lease_until: datetime | None
    written: int
    unchanged: int
    skipped: int
    dead: int
    texts_encoded: int
    stage_seconds: StageSeconds | None
    error: str | None
    holder: str | None = Field(description="The process that works on it, `HOST:PID`; null if none does now.")

    @classmethod
    def of(cls, chunk: ChunkState) -> ChunkDocument:
        """Return the document of a chunk."""
        values = {name: getattr(chunk, name) for name in cls.model_fields if hasattr(chunk, name)}
        stages = None if chunk.stages is None else StageSeconds.model_validate(chunk.stages)
        holder = None if chunk.holder is None else chunk.holder.rpartition(" ")[2]
        return cls(**{**values, "stage_seconds": stages, "holder": holder})
