"""Values that every package shares: jobs, chunks, rows, log batches, embedding models and ids. No I/O."""

from __future__ import annotations

from pc_worker.model.chunk import DEFAULT_CHUNK_ROWS, MAX_CHUNK_ROWS, ChunkSpec, Lease, Stages, WriteOutcome
from pc_worker.model.embedding_model import Model
from pc_worker.model.ids import is_uuid, read_canonical_uuid, read_uuid
from pc_worker.model.job import OPEN_STATES, Job, JobState, Tally
from pc_worker.model.log_batch import LogBatch
from pc_worker.model.model_name import MULTILINGUAL, ModelName, read_model_name
from pc_worker.model.row import DeadLetter, PassageVector, RowOrigin, RowTerms, RowWrite, StoredRow

__all__ = [
    "DEFAULT_CHUNK_ROWS",
    "MAX_CHUNK_ROWS",
    "MULTILINGUAL",
    "OPEN_STATES",
    "ChunkSpec",
    "DeadLetter",
    "Job",
    "JobState",
    "Lease",
    "LogBatch",
    "Model",
    "ModelName",
    "PassageVector",
    "RowOrigin",
    "RowTerms",
    "RowWrite",
    "Stages",
    "StoredRow",
    "Tally",
    "WriteOutcome",
    "is_uuid",
    "read_canonical_uuid",
    "read_model_name",
    "read_uuid",
]
