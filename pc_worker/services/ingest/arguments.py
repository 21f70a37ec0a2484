"""The arguments of an ingest, checked the same whichever face they come through."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from pc_worker.domains import LONGEST_NAME, LONGEST_SOURCE, InvalidOption, Options, check_source
from pc_worker.model import MAX_CHUNK_ROWS
from pc_worker.object_urls import is_url, read_url
from pc_worker.services.ingest.submit import MAX_DEAD, IngestRequest
from pc_worker.services.request_model import DomainName, RequestModel, StorableText

LONGEST_PATH = 4096
#: Columns whose texts are embedded, at most.
MAX_COLUMNS = 1000

NAME = f"text of at most {LONGEST_NAME:,} characters without NUL and unpaired surrogates"
SOURCE = f"text of 1 to {LONGEST_SOURCE} bytes in UTF-8 without NUL and unpaired surrogates"


def _absolute(path: str) -> str:
    if is_url(path):
        return str(read_url(path))
    if not path.startswith("/"):
        raise ValueError("is relative")
    return path


def _short_source(source: str) -> str:
    try:
        check_source(source)
    except InvalidOption as exc:
        raise ValueError(str(exc)) from exc
    return source


Name = Annotated[StorableText, Field(max_length=LONGEST_NAME)]
Source = Annotated[StorableText, Field(min_length=1, max_length=LONGEST_SOURCE), AfterValidator(_short_source)]
Path = Annotated[StorableText, Field(min_length=1, max_length=LONGEST_PATH), AfterValidator(_absolute)]


class IngestOptions(RequestModel):
    """The options of an ingest; what depends on the domain or on the file is checked with ``IngestRequest.check``."""

    chunk_size: int | None = Field(
        default=None,
        ge=1,
        le=MAX_CHUNK_ROWS,
        description=f"a whole number from 1 to {MAX_CHUNK_ROWS}: rows of a chunk",
    )
    max_dead: int = Field(
        default=0,
        ge=0,
        le=MAX_DEAD,
        description=f"a whole number from 0 to {MAX_DEAD}: dead rows that still count as completed",
    )
    source: Source | None = Field(default=None, description=f"{SOURCE}: the scope of the keys")
    id_column: Name | None = Field(default=None, description=f"{NAME}: the column that holds the key")
    text_columns: list[Name] = Field(
        default=[],
        max_length=MAX_COLUMNS,
        description=f"a list of at most {MAX_COLUMNS:,} different names of columns, each of at most {LONGEST_NAME:,} "
        "characters without NUL and unpaired surrogates: what is embedded",
    )
    vector_column: Name | None = Field(
        default=None, description=f"{NAME}: the column of ready vectors, or a prefix and * for columns of numbers"
    )
    delimiter: Name | None = Field(
        default=None, description="one character between cells, or comma, semicolon, tab or pipe"
    )
    encoding: Name | None = Field(default=None, description="the name of an encoding")
    sheet: Name | None = Field(default=None, description="the name or number of a sheet")

    def request_for(self, path: str, domain: str, *, label: str | None = None) -> IngestRequest:
        """Return the request of the service; ``label`` = the source's name if the options have none."""
        return IngestRequest(
            path=path,
            domain=domain,
            chunk_size=self.chunk_size,
            max_dead=self.max_dead,
            options=Options(self.source or label, self.id_column, tuple(self.text_columns), self.vector_column),
            delimiter=self.delimiter,
            encoding=self.encoding,
            sheet=self.sheet,
        )


class IngestArguments(IngestOptions):
    """The ingest of a file that the workers can read."""

    path: Path = Field(
        description="an absolute path under the data roots or a URL (s3, gs, az), of at most "
        f"{LONGEST_PATH:,} characters without NUL and unpaired surrogates"
    )
    domain: DomainName = Field(description="the name of a domain")

    def request(self) -> IngestRequest:
        """Return the request of the service."""
        return self.request_for(self.path, self.domain)
