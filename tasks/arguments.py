"""The arguments of each task: one strict model per task."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, TypeAdapter, ValidationError

from pc_worker.services.ingest.arguments import LONGEST_PATH, IngestArguments
from pc_worker.services.request_model import RequestModel, StorableText
from tasks.envelope import LONGEST_NAME, Name

LARGEST = 2**63 - 1
#: What is kept of the name of a domain that does not exist: the list of all jobs shows it.
LONGEST_DOMAIN = 100

Filled = Annotated[StorableText, Field(min_length=1, max_length=1000)]
#: A job's id is the id of a Celery task unless its caller chose one: every id of a valid message may be one.
JobId = Name

DOMAIN = "the name of a domain"
JOB_ID = f"printable text of 1 to {LONGEST_NAME} characters"


class Ingest(IngestArguments):
    """Arguments of ``pc_worker.ingest_file``; ``positions`` are their names where a message has them without names."""

    positions: ClassVar[tuple[str, ...]] = (
        *("path", "domain", "chunk_size", "job_id", "max_dead", "source", "id_column", "text_columns"),
        *("delimiter", "encoding", "sheet", "vector_column"),
    )

    job_id: JobId | None = Field(None, description=JOB_ID)


class Chunk(RequestModel):
    """Arguments of ``pc_worker.process_chunk``."""

    job_id: JobId = Field(description=JOB_ID)
    chunk_no: int = Field(ge=0, lt=2**31, description="a whole number from 0 to 2147483647")


class Push(RequestModel):
    """Arguments of ``pc_worker.push_to_batch_server``."""

    domain: Filled = Field(description=DOMAIN)
    address: Filled | None = Field(None, description="the address of a batch server")
    after: Annotated[int, Field(ge=0, le=LARGEST)] | Filled | None = Field(
        None, description=f"a position from 0 to {LARGEST}, or a row's UUID"
    )


class Due(RequestModel):
    """Arguments of ``pc_worker.send_due``."""

    domain: Filled = Field(description=DOMAIN)


def usable_job_id(value: Any) -> str | None:
    """Return the value if it may be a job's id, else None."""
    try:
        return TypeAdapter(JobId).validate_python(value, strict=True)
    except ValidationError:
        return None


def storable_text(value: Any, longest: int = LONGEST_PATH) -> str:
    """Return the value, shortened, if it is text that can be stored, else ``""``."""
    try:
        return TypeAdapter(StorableText).validate_python(value, strict=True)[:longest]
    except ValidationError:
        return ""
