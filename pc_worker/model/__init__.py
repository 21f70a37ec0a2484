"""Plain values that every room shares: jobs, chunks, rows, stretches of the log; no I/O."""

from __future__ import annotations

from pc_worker.model.ids import is_uuid, read_canonical_uuid, read_uuid
from pc_worker.model.values import (
    OPEN_STATES,
    ChunkPlan,
    Claim,
    DeadLetter,
    Job,
    JobState,
    Model,
    Outcome,
    PassageVector,
    RowWrite,
    Stages,
    StoredRow,
    Stretch,
    Tally,
    Terms,
)

__all__ = [
    "OPEN_STATES",
    "ChunkPlan",
    "Claim",
    "DeadLetter",
    "Job",
    "JobState",
    "Model",
    "Outcome",
    "PassageVector",
    "RowWrite",
    "Stages",
    "StoredRow",
    "Stretch",
    "Tally",
    "Terms",
    "is_uuid",
    "read_canonical_uuid",
    "read_uuid",
]
