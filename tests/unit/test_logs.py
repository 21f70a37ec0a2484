"""Logs that are set up when they are needed: the first event of any library or of ours sets them up."""

from __future__ import annotations

import json
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


def test_an_event_below_the_level_loads_nothing() -> None:
    events = "log = get_logger('ours'); log.info('few'); small = 'structlog' in sys.modules; log.error('full')"
    script = f"{SET_UP}later(log_format='json', level='ERROR'); {events}; print(small, 'structlog' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "False True\n"
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == ["full"]


@pytest.mark.parametrize(
    "event",
    [
        "print('words', file=sys.stderr)",
        "sys.stderr.write('one\\n\\ntwo\\n')",
        "import warnings; warnings.warn('old')",
        "1 / 0",
        "import threading; thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()",
        "logging.getLogger('library').error('full', exc_info=ValueError('a\\nb'))",
        "get_logger('ours').error('full', of='\\x1b')",
        "set_up_logs(log_format='json', level='INFO'); logging.getLogger('twice').info('set up')",
    ],
)
def test_every_line_is_an_object_in_json(event: str) -> None:
    script = f"from pc_worker.logs import set_up_logs; set_up_logs(log_format='json', level='INFO'); {event}"

    done = subprocess.run([sys.executable, "-c", SET_UP + script], capture_output=True, text=True, check=False)

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines
    assert all(line["event"] and line["level"] for line in lines)
    assert done.stdout == ""
