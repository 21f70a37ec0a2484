"""Why nothing of an inbox would be ingested: it is outside the data roots, missing, or cannot be listed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pc_worker.errors import SourceRejected
from pc_worker.file_faults import file_fault
from pc_worker.object_urls import ObjectUrl

OUTSIDE = "it lies outside the data roots: set PC_WORKER_DATA_ROOTS"


def inbox_fault(
    inbox: Path | ObjectUrl, is_allowed: Callable[[str | ObjectUrl], bool], *, ask_store: bool
) -> str | None:
    """Return why nothing of the inbox would be ingested; None if it can be scanned.

    Args:
        inbox: The folder or prefix.
        is_allowed: Returns whether a place is under the data roots.
        ask_store: Whether a prefix is listed: a store that does not answer now may answer later.

    Raises:
        Unavailable: If a store does not answer.
    """
    if not is_allowed(inbox if isinstance(inbox, ObjectUrl) else str(inbox)):
        return f"{inbox}: {OUTSIDE}"
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
