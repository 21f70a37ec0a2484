"""Files of the spool that change in one step."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

#: What the name of a file begins with until it is complete.
WRITING = ".writing-"


@contextmanager
def written(target: Path, *, prefix: str = "") -> Iterator[IO[bytes]]:
    """Open a new file that replaces ``target`` when it is complete; after an error nothing of it is left.

    Until then its name begins with ``WRITING`` and ``prefix``, by default the name of ``target``.
    """
    handle, name = tempfile.mkstemp(prefix=f"{WRITING}{prefix or target.name + '.'}", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
