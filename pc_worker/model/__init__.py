"""Plain values that every room shares: jobs, chunks, rows, stretches of the log; no I/O."""

from __future__ import annotations

from pc_worker.model.ids import is_uuid, read_canonical_uuid, read_uuid
from pc_worker.model.values import (
    DEFAULT_CHUNK_ROWS,
    MAX_CHUNK_ROWS,
    OPEN_STATES,
    ChunkSpec,
    DeadLetter,
    Job,
    JobState,
    Lease,
    LogBatch,
    Model,
    PassageVector,
    RowTerms,
    RowWrite,
    Stages,
    StoredRow,
    Tally,
    WriteOutcome,
)

__all__ = [
    "DEFAULT_CHUNK_ROWS",
    "MAX_CHUNK_ROWS",
    "OPEN_STATES",
    "ChunkSpec",
    "DeadLetter",
    "Job",
    "JobState",
    "Lease",
    "LogBatch",
    "Model",
    "PassageVector",
    "RowTerms",
    "RowWrite",
    "Stages",
    "StoredRow",
    "Tally",
    "WriteOutcome",
    "is_uuid",
    "read_canonical_uuid",
    "read_uuid",
]
