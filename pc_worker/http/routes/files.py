"""`/v1/files`: upload a file and ingest it. It is streamed to disk, and never in memory."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import ConfigDict, Field
from starlette.requests import ClientDisconnect

from pc_worker.domains import LONGEST_SOURCE, get_domain
from pc_worker.errors import InvalidRequest, PcWorkerError
from pc_worker.http.requests.bodies import api_router
from pc_worker.http.requests.context import AppContext, Context
from pc_worker.http.requests.multipart import FORM, FormFile, is_form
from pc_worker.http.requests.roles import Writer
from pc_worker.http.routes.job_documents import JobDocument
from pc_worker.http.routes.jobs import IdempotencyKey, accepted, key_id
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.arguments import IngestOptions
from pc_worker.services.ingest.enqueue import is_known
from pc_worker.services.ingest.uploads import Upload
from pc_worker.services.request_model import DomainName
from pc_worker.services.sources import read_options
from pc_worker.store.db.connection import is_storable

router = api_router(prefix="/v1/files", tag="jobs")

#: Bytes that are written at once.
WRITE_BYTES = 1024 * 1024
#: Scope of the keys of a file without a name.
NAMELESS = "upload"
MAX_LABEL = 255
#: Content-Types of text tables, and the ending of a file of that type.
ENDINGS = {"text/csv": ".csv", "text/tab-separated-values": ".tsv"}
BODY = {
    "required": True,
    "content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        FORM: {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
                "required": ["file"],
            }
        },
    },
}


class UploadQuery(IngestOptions):
    """The query of an upload: the domain, and the options of the ingest."""

    model_config = ConfigDict(strict=False)  # a query has texts only

    domain: DomainName = Field(description="the name of a domain")


@router.post(
    "",
    status_code=202,
    response_model=JobDocument,
    summary="Upload a file and ingest it",
    openapi_extra={"requestBody": BODY},
)
async def upload(
    asked: Annotated[UploadQuery, Query()],
    request: Request,
    caller: Writer,
    context: Context,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Store a file, sent raw or as the one file of a form, and enqueue its ingest; `Location` is the job's status.

    Its kind is found by its content. Its name is a label, the default `source` of a `document`; an ending such as
    `.csv` says what divides the cells of a text table, as `Content-Type: text/csv` does.
    """
    asked.request_for("", asked.domain).check()
    has_key = idempotency_key is not None
    job_id = str(uuid.uuid4()) if idempotency_key is None else key_id(caller, idempotency_key)
    with context.quotas.uploads.take(caller.quota):
        begin = partial(context.uploads.begin, job_id=job_id, announced=_announced(request), hashed=has_key)
        with await context.services.run(begin) as received:
            name = await _receive(request, received)
            options = read_options(asked.delimiter, asked.encoding, asked.sheet)
            is_repeat = has_key and await context.services.run(partial(is_known, job_id=job_id))
            finish = partial(received.finish, options, name=name or _named(request), is_repeat=is_repeat)
            path = await asyncio.to_thread(finish)
    ingest = asked.request_for(str(path), asked.domain, label=_label(asked.domain, name))
    try:
        return await accepted(context, replace(ingest, content=received.digest()), job_id, is_ours=True)
    except BaseException:
        await _withdraw(context, job_id, received.stored)
        raise


async def _receive(request: Request, received: Upload) -> str | None:
    """Write what the client sends, and return the file's name, if it has one.

    Raises:
        InvalidRequest: If the client is gone, or its form is broken.
        TooLarge: If it exceeds the limit.
        Unavailable: If the disk is full.
    """
    content_type = request.headers.get("content-type", "")
    form = FormFile(content_type) if is_form(content_type) else None
    content: AsyncIterator[bytes] = request.stream() if form is None else form.content(request.stream())
    waiting, size = list[bytes](), 0
    try:
        async for part in content:
            waiting.append(part)
            size += len(part)
            if size >= WRITE_BYTES:
                await asyncio.to_thread(received.write, waiting)
                waiting, size = [], 0
    except ClientDisconnect as exc:
        raise InvalidRequest("the client went away within the upload") from exc
    await asyncio.to_thread(received.write, waiting)
    return None if form is None else form.name


async def _withdraw(context: AppContext, job_id: str, stored: Path | None) -> None:
    """Remove what was stored for a job that was not written; one that was written keeps it."""

    def remove(services: Services) -> None:
        if stored is not None and not is_known(services, job_id):
            stored.unlink(missing_ok=True)

    with suppress(PcWorkerError):  # the purge removes it later
        await context.services.run(remove)


def _named(request: Request) -> str:
    """Return a name for a body without one: its ending is that of its Content-Type."""
    return ENDINGS.get(request.headers.get("content-type", "").partition(";")[0].strip().lower(), "")


def _announced(request: Request) -> int | None:
    length = request.headers.get("content-length", "")
    return int(length[:20]) if length.isdigit() else None


def _label(domain: str, name: str | None) -> str | None:
    """Return the source's name, for a domain that has one: the printable part of the file's last name."""
    if get_domain(domain).any_table is None:
        return None
    last = PurePosixPath((name or "").replace("\\", "/")).name
    shown = "".join(character for character in last if character.isprintable())[:MAX_LABEL]
    shown = shown.encode()[:LONGEST_SOURCE].decode(errors="ignore").strip()
    return shown if shown and is_storable(shown) else NAMELESS
