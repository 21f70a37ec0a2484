"""Logs that are set up when they are needed: the first event of any library or of ours sets them up."""

from __future__ import annotations

import subprocess
import sys

import pytest

SET_UP = "import logging, sys; from pc_worker.logs import get_logger, set_up_logs_when_needed as later; "


@pytest.mark.parametrize(
    "event",
    [
        "logging.getLogger('library').error('full')",
        "get_logger('ours').error('full')",
    ],
)
def test_the_first_event_sets_logs_up(event: str) -> None:
    script = f"{SET_UP}later(log_format='json', level='ERROR'); assert 'structlog' not in sys.modules; {event}"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert '"event": "full"' in done.stderr
    assert done.stdout == ""
