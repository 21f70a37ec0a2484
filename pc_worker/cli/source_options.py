"""The options of a source to ingest: its keys, the columns to embed or to take vectors from, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from pc_worker.cli.arguments import whole_path
from pc_worker.cli.options import reading_options
from pc_worker.errors import SourceRejected
from pc_worker.services.ingest.arguments import LONGEST_PATH, IngestArguments
from pc_worker.services.ingest.submit import IngestRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """The given options; what was not given is None or empty."""

    source: str | None
    id_column: str | None
    text_columns: Sequence[str]
    vector_column: str | None
    delimiter: str | None
    encoding: str | None
    sheet: str | None

    def request(self, file: str, *, domain: str, max_dead: int = 0) -> IngestRequest:
        """Return the request to ingest ``file`` with these options."""
        given = {name: getattr(self, name) for name in self.__slots__} | {"text_columns": list(self.text_columns)}
        asked = {"path": job_path(file), "domain": domain, "max_dead": max_dead}
        return IngestArguments.model_validate(given | asked).request()


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a source to a command, which gets them as one argument ``options``."""

    @wraps(command)
    def with_options(**given: Any) -> Any:
        options = {name: given.pop(name) for name in SourceOptions.__slots__}
        return command(options=SourceOptions(**options), **given)

    for option in (
        reading_options,
        click.option("--vector-column", help="Column of ready vectors, or PREFIX* for columns of one number each."),
        click.option("--text-column", "text_columns", multiple=True, help="Column to embed (document); repeatable."),
        click.option("--id-column", help="Column that holds the key (document)."),
        click.option("--source", help="Scope of the keys (document); default: the file's name."),
    ):
        with_options = option(with_options)
    return with_options


def job_path(file: str) -> str:
    """Return the whole path of a file that a job is to name.

    Raises:
        InvalidRequest: If it is relative to a folder that is gone, or a URL that cannot be a source.
        SourceRejected: If its name is not UTF-8, which the ledger cannot keep, or is longer than any file's.
    """
    path = whole_path(file)
    if len(path) > LONGEST_PATH:
        raise SourceRejected(f"{path[:60]}…: no file has a path of over {LONGEST_PATH:,} characters")
    if any("\ud800" <= char <= "\udfff" for char in path):
        raise SourceRejected(f"{path}: its name is not UTF-8: rename it")
    return path
