"""Chunks of a job: what the split produced, the lease of a worker, and the result."""

from __future__ import annotations

from dataclasses import dataclass

from pc_worker.model.job import Job, Tally
from pc_worker.model.log_batch import LogBatch

#: Rows of a chunk if the caller does not choose, for ingest and for the streams.
DEFAULT_CHUNK_ROWS = 300
#: Maximum number of rows of a chunk that a caller may ask for.
MAX_CHUNK_ROWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSpec:
    """A chunk as the split produced it.

    Attributes:
        superseded: Numbers of rows that a later row of the same key in the source replaces.
        occurrences: Number of each row among rows of equal content, where keys are made from content.
    """

    chunk_no: int
    first_row: int
    row_count: int
    superseded: list[int]
    occurrences: dict[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The time-limited right of one worker to write a chunk, until a newer attempt acquires it.

    ``crashed`` = its only row ended its workers as often as is allowed: it becomes a dead letter without being cleaned.
    """

    job: Job
    chunk_no: int
    first_row: int
    row_count: int
    superseded: frozenset[int]
    occurrences: dict[int, int]
    attempt: int
    crashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Seconds that chunks spent in each stage; ``write`` does not include the commit."""

    read: float = 0.0
    clean: float = 0.0
    embed: float = 0.0
    write: float = 0.0

    @property
    def total(self) -> float:
        """The sum of all stages, in seconds."""
        return self.read + self.clean + self.embed + self.write


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOutcome:
    """The result of the transaction that wrote a chunk."""

    tally: Tally
    log_batch: LogBatch | None = None
    job_finished: bool = False
