"""How Celery's own commands end at a wrong start: no edge of ours is above them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pc_worker.errors import PcWorkerError


@contextmanager
def ended_in_one_line() -> Iterator[None]:
    """End the process with one line and the error's exit code, as the command line does."""
    try:
        yield
    except PcWorkerError as exc:
        sys.stderr.write(f"error: {exc}\n")
        sys.exit(exc.exit_code)
