"""Files that change in one step: a reader, or a crash at any time, never meets half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def replacing(path: Path, *, prefix: str = "", mode: int = 0o600, sync: bool = False) -> Iterator[IO[bytes]]:
    """Open a new binary file that replaces ``path`` when the block ends well; after an error nothing of it is left.

    Args:
        path: The file; its folder must exist.
        prefix: What the temporary file's name begins with; ``.NAME.`` by default.
        mode: The new file's permissions.
        sync: Whether the content must be on disk before the name changes, for what a power cut must not lose.

    Raises:
        OSError: If the folder cannot be written or is full; the old file stays.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=prefix or f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
