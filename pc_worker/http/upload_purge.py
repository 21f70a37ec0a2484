"""What the HTTP part does in addition to requests: it removes uploaded files that no job needs any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from fastapi import FastAPI

from pc_worker.http.requests.context import AppContext
from pc_worker.services.ingest.uploads import purge_uploads

log = structlog.get_logger(__name__)

#: Seconds between two removals of uploaded files.
PURGE_S = 5.0


@asynccontextmanager
async def upload_purge(app: FastAPI) -> AsyncIterator[None]:
    """Remove uploaded files again and again while the application lives."""
    task = asyncio.create_task(_purge_again(app.state.context))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _purge_again(context: AppContext) -> None:
    folder = context.settings.upload_folder
    while True:
        try:
            if folder.is_dir() and any(folder.iterdir()):
                await context.services.run(lambda services: purge_uploads(services, folder))
        except Exception as exc:  # without this task the folder fills, and nothing says why
            log.warning("uploads_not_purged", reason=str(exc) or type(exc).__name__)
        await asyncio.sleep(PURGE_S)
