"""Errors at the start of Celery's own commands, which pc_worker's command line does not catch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pc_worker.errors import PcWorkerError


@contextmanager
def ended_in_one_line() -> Iterator[None]:
    """Exit with one line and the error's exit code, as the command line does."""
    try:
        yield
    except PcWorkerError as exc:
        sys.stderr.write(f"error: {exc}\n")
        sys.exit(exc.exit_code)
