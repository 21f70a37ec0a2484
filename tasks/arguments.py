"""The arguments of each task: one strict model per task."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from pc_worker.domains import Options
from pc_worker.errors import InvalidRequest
from pc_worker.model import DEFAULT_CHUNK_ROWS, MAX_CHUNK_ROWS
from pc_worker.object_urls import is_url, read_url
from pc_worker.services.ingest.submit import MAX_DEAD, IngestRequest
from tasks.call import Arguments

LARGEST = 2**63 - 1
LONGEST_PATH = 4096
#: What is kept of the name of a domain that does not exist: the list of all jobs shows it.
LONGEST_DOMAIN = 100


def _storable(text: str) -> str:
    """Return the text if PostgreSQL can store it."""
    if "\0" in text:
        raise ValueError("holds NUL")
    text.encode()  # unpaired surrogates raise a ValueError, too
    return text


def _absolute(path: str) -> str:
    if is_url(path):
        return _source_url(path)
    if not path.startswith("/"):
        raise ValueError("is relative")
    return path


def _source_url(path: str) -> str:
    try:
        return str(read_url(path))
    except InvalidRequest as exc:
        raise ValueError(str(exc)) from exc


def _printable(text: str) -> str:
    if not text.isprintable() or " " in text:
        raise ValueError("holds characters that cannot be seen")
    return text


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("holds a name twice")
    return names


Text = Annotated[str, Field(max_length=1000), AfterValidator(_storable)]
Filled = Annotated[Text, Field(min_length=1)]
JobId = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Path = Annotated[
    str, Field(min_length=1, max_length=LONGEST_PATH), AfterValidator(_storable), AfterValidator(_absolute)
]

TEXT = "text of at most 1,000 characters without NUL and unpaired surrogates"
FILLED = TEXT.replace("text of at most", "text of 1 to")
DOMAIN = "the name of a domain"
JOB_ID = "text of 1 to 200 characters that can be seen"


class Ingest(Arguments):
    """Arguments of ``pc_worker.ingest_file``."""

    path: Path = Field(description="an absolute path or a URL (s3, gs, az), without NUL and unpaired surrogates")
    domain: Filled = Field(description=DOMAIN)
    chunk_size: int = Field(
        DEFAULT_CHUNK_ROWS, ge=1, le=MAX_CHUNK_ROWS, description=f"a whole number from 1 to {MAX_CHUNK_ROWS}"
    )
    job_id: JobId | None = Field(None, description=JOB_ID)
    max_dead: int = Field(0, ge=0, le=MAX_DEAD, description=f"a whole number from 0 to {MAX_DEAD}")
    source: Filled | None = Field(None, description=FILLED)
    id_column: Text | None = Field(None, description=TEXT)
    text_columns: Annotated[list[Text], AfterValidator(_distinct)] | None = Field(
        None, description="a list of different column names"
    )
    delimiter: Filled | None = Field(None, description="one character between cells, or comma, semicolon, tab or pipe")
    encoding: Filled | None = Field(None, description="the name of an encoding")
    sheet: Filled | None = Field(None, description="the name or number of a sheet")
    vector_column: Text | None = Field(
        None, description="a column of vectors, or a prefix and * for columns of numbers"
    )

    def request(self) -> IngestRequest:
        """Return the request for the service; without ``chunk_size`` the setting decides."""
        options = Options(self.source, self.id_column, tuple(self.text_columns or ()), self.vector_column)
        return IngestRequest(
            path=self.path,
            domain=self.domain,
            chunk_size=self.chunk_size if "chunk_size" in self.model_fields_set else None,
            max_dead=self.max_dead,
            options=options,
            delimiter=self.delimiter,
            encoding=self.encoding,
            sheet=self.sheet,
        )


class Chunk(Arguments):
    """Arguments of ``pc_worker.process_chunk``."""

    job_id: JobId = Field(description=JOB_ID)
    chunk_no: int = Field(ge=0, lt=2**31, description="a whole number from 0 to 2147483647")


class Push(Arguments):
    """Arguments of ``pc_worker.push_to_batch_server``."""

    domain: Filled = Field(description=DOMAIN)
    address: Filled | None = Field(None, description="the address of a batch server")
    after: Annotated[int, Field(ge=0, le=LARGEST)] | Filled | None = Field(
        None, description=f"a position from 0 to {LARGEST}, or a row's UUID"
    )


class Due(Arguments):
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
        return TypeAdapter(Annotated[str, AfterValidator(_storable)]).validate_python(value, strict=True)[:longest]
    except ValidationError:
        return ""
