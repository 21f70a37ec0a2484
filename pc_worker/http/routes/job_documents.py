"""The documents of jobs and chunks, as the API sends them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pc_worker.domains import Options
from pc_worker.model import MAX_CHUNK_ROWS, JobState
from pc_worker.services.ingest.submit import MAX_DEAD, IngestRequest
from pc_worker.store.ledger.job_pages import ChunkState

#: Characters of a name of a column, an encoding or a path.
Name = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


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


class IngestOptions(BaseModel):
    """The options of an ingest, as those of the command `ingest`."""

    model_config = ConfigDict(extra="forbid")

    max_dead: int = Field(default=0, ge=0, le=MAX_DEAD, description="Dead rows that still count as completed.")
    source: Name | None = Field(default=None, description="Scope of the keys (`document`); default: the file's name.")
    id_column: Name | None = Field(default=None, description="Column that holds the key (`document`).")
    text_columns: list[Name] = Field(default=[], max_length=1000, description="Columns to embed (`document`).")
    vector_column: Name | None = Field(default=None, description="Column of ready vectors, or `PREFIX*`.")
    delimiter: Name | None = Field(default=None, description="Delimiter of a text table, if not as detected.")
    encoding: Name | None = Field(default=None, description="Encoding of a text, if not as detected.")
    sheet: Name | None = Field(default=None, description="Sheet of a workbook; default: the first one.")
    chunk_size: int | None = Field(default=None, ge=1, le=MAX_CHUNK_ROWS, description="Rows of a chunk.")

    def request(self, path: str, domain: str, *, label: str | None = None) -> IngestRequest:
        """Return the request of the service; ``label`` = the source's name if the options have none."""
        options = Options(self.source or label, self.id_column, tuple(self.text_columns), self.vector_column)
        reading: dict[str, Any] = {"delimiter": self.delimiter, "encoding": self.encoding, "sheet": self.sheet}
        return IngestRequest(
            path=path, domain=domain, chunk_size=self.chunk_size, max_dead=self.max_dead, options=options, **reading
        )


class IngestBody(IngestOptions):
    """An ingest of a file that the workers can read."""

    path: Name = Field(description="An absolute path, or a URL, under the data roots.")
    domain: Name
