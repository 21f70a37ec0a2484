"""The settings of where sources lie; a part of ``Settings``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from pc_worker.errors import InvalidRequest
from pc_worker.object_urls import ObjectUrl, is_url, read_url, split_roots
from pc_worker.settings.values import absolute


class SourceSettings(BaseSettings):
    """Settings of where sources lie; each is documented with the others."""

    #: Folders and prefixes (`s3://bucket/prefix`, `gs://…`, `az://…`) in which sources may be, colon-separated. Unset:
    #: the working directory, the user's home and HOME. Required if the Redis URL is set.
    data_roots: Annotated[tuple[Path | ObjectUrl, ...] | None, NoDecode] = None
    #: Folder or prefix (`s3://bucket/inbox`) that beat scans for `INBOX/<domain>/<file>`. Unset: no scan. Names of
    #: unfinished files (`.tmp`, `.part`, `.filepart`, `.crdownload`, …, a leading dot, a trailing `~`) are ignored. A
    #: file that cannot be ingested becomes a failed job with the reason. A content is one job of its domain as
    #: long as the domain holds it, in `document` one for each file; a content that returns to a file after another one
    #: is a new job.
    inbox: Annotated[Path | ObjectUrl | None, NoDecode] = None
    #: Prefix (`s3://bucket/spool`, `gs://…`, `az://…`), outside the data roots, where machines share what they unpacked
    #: or converted of objects, for a week. Needs permission to read, write, list and delete there. Unset: each machine
    #: unpacks and converts by itself.
    shared_spool: Annotated[ObjectUrl | None, NoDecode] = None

    @field_validator("inbox", mode="before")
    @classmethod
    def _inbox(cls, value: Any) -> Any:
        return _place(value) if isinstance(value, str) else value

    @field_validator("data_roots", mode="before")
    @classmethod
    def _roots(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        places = (_place(part) for part in split_roots(value))
        roots = tuple(place.resolve() if isinstance(place, Path) else place for place in places)
        if not roots:
            raise ValueError("contains no folder")
        return roots

    @field_validator("shared_spool", mode="before")
    @classmethod
    def _shared_spool(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if not is_url(value):
            raise ValueError("is not the URL of a prefix: s3://BUCKET/PREFIX, gs://… or az://…")
        return _place(value)

    @model_validator(mode="after")
    def _own_spool(self) -> Self:
        shared = self.shared_spool
        if shared is not None and any(shared.is_under(root) or root.is_under(shared) for root in self.url_roots):
            raise ValueError(
                "PC_WORKER_SHARED_SPOOL must lie outside PC_WORKER_DATA_ROOTS: what is under it is deleted"
            )
        return self

    @model_validator(mode="after")
    def _inbox_in_roots(self) -> Self:
        # The default roots depend on the working directory of a command: `up` and `worker` check those at their start.
        if self.inbox is None or self.data_roots is None:
            return self
        place = self.inbox if isinstance(self.inbox, ObjectUrl) else self.inbox.resolve()
        if not any(_is_under(place, root) for root in self.data_roots):
            allowed = ", ".join(map(str, self.data_roots))
            raise ValueError(f"PC_WORKER_INBOX: {self.inbox} lies outside the data roots ({allowed})")
        return self

    @property
    def url_roots(self) -> tuple[ObjectUrl, ...]:
        """The prefixes that sources may be under."""
        return tuple(root for root in self.data_roots or () if isinstance(root, ObjectUrl))


def _is_under(place: Path | ObjectUrl, root: Path | ObjectUrl) -> bool:
    if isinstance(place, ObjectUrl):
        return isinstance(root, ObjectUrl) and place.is_under(root)
    return isinstance(root, Path) and place.is_relative_to(root)


def _place(text: str) -> Path | ObjectUrl:
    if not is_url(text):
        return absolute(Path(text))
    try:
        return read_url(text)
    except InvalidRequest as exc:
        raise ValueError(str(exc)) from exc
