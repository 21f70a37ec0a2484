"""Why nothing of an inbox would be ingested: it is outside the data roots, missing, or cannot be listed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pc_worker.errors import InvalidRequest, SourceRejected
from pc_worker.file_faults import file_fault
from pc_worker.logs import get_logger
from pc_worker.object_urls import ObjectUrl

log = get_logger(__name__)

OUTSIDE = "it lies outside the data roots: set PC_WORKER_DATA_ROOTS"


def check_place(inbox: Path | ObjectUrl, is_allowed: Callable[[str | ObjectUrl], bool], *, strict: bool) -> None:
    """Check that an inbox can be scanned; log why it cannot be now, but may be later.

    Args:
        inbox: The folder or prefix.
        is_allowed: Returns whether a place is under the data roots.
        strict: Whether what may be cured without a new start is an error, too, and a prefix is listed.

    Raises:
        InvalidRequest: If it is outside the data roots; with ``strict``, if it is missing or cannot be listed.
        Unavailable: With ``strict``, if the store of a prefix does not answer.
    """
    if not is_allowed(inbox if isinstance(inbox, ObjectUrl) else str(inbox)):
        raise InvalidRequest(f"PC_WORKER_INBOX: {inbox}: {OUTSIDE}")
    fault = _listing_fault(inbox, ask_store=strict)
    if fault is not None and strict:
        raise InvalidRequest(f"PC_WORKER_INBOX: {fault}")
    if fault is not None:
        log.warning("inbox_not_listed", reason=fault)


def _listing_fault(inbox: Path | ObjectUrl, *, ask_store: bool) -> str | None:
    try:
        if isinstance(inbox, Path):
            os.scandir(inbox).close()
        elif ask_store:
            from pc_worker.object_store.listing import list_prefix

            list_prefix(inbox)
    except SourceRejected as exc:
        return str(exc)
    except OSError as exc:
        return f"{inbox} cannot be listed: {file_fault(exc)}"
    return None
