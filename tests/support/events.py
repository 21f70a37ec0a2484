"""Events that a module logs, captured the same in every order of tests."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
import structlog


@contextmanager
def logged_events(module: ModuleType) -> Iterator[list[MutableMapping[str, Any]]]:
    """Yield the list of the events that the ``log`` of a module gets meanwhile, each with its ``log_level``.

    The logger itself is replaced: a module's logger keeps the set-up of its first event, so structlog's own
    ``capture_logs`` and pytest's ``capsys`` see nothing where an earlier test of the process set up other logs.
    """
    capture = structlog.testing.LogCapture()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "log", structlog.wrap_logger(None, processors=[capture]))
        yield capture.entries
