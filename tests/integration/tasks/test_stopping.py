"""An orderly shutdown waits for work, and for nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from tests.integration.tasks.line import Line
from tests.support.processes import command_of
from tests.support.waiting import eventually

#: In the folder of modules of a worker: its pool processes do not start while the file is there.
HELD_START = """
import os, sys, time
while "--billiard-fork" in sys.orig_argv and os.path.exists({hold!r}):
    time.sleep(0.05)
"""


def test_a_process_that_is_still_starting_is_not_waited_for(line: Line, tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    (tmp_path / "sitecustomize.py").write_text(HELD_START.format(hold=str(hold)))
    path = os.pathsep.join((str(tmp_path), line.environment["PYTHONPATH"]))

    try:
        with line.worker("starting", concurrency=2, PYTHONPATH=path) as worker:
            starting = eventually(lambda: two_of_pool(worker), what="two processes that start")
            worker.terminate()
            assert worker.wait(120) == 0
    finally:
        hold.unlink()

    assert "worker_cancels_work" not in line.log("starting")
    assert not any(process.is_running() for process in starting)


def two_of_pool(worker: psutil.Popen) -> list[psutil.Process]:
    """Return the worker's pool processes once there are two."""
    found = [child for child in worker.children() if "spawn_main" in command_of(child)]
    return found if len(found) == 2 else []
