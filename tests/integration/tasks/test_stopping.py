"""An orderly shutdown waits for work, and for nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from tests.integration.tasks.line import Line
from tests.support.processes import command_of
from tests.support.waiting import eventually

#: A module that each process of a worker imports first: its pool processes do not start while the file is there.
HELD_START = """
import os, sys, time
while "--billiard-fork" in sys.orig_argv and os.path.exists({hold!r}):
    time.sleep(0.05)
"""

#: The same: the worker seems to have counted fewer results than a pool process has sent.
UNCOUNTED = """
from billiard.pool import Worker
ensure = Worker._ensure_messages_consumed
Worker._ensure_messages_consumed = lambda self, completed: ensure(self, completed + 1)
"""


def test_a_process_that_is_still_starting_is_not_waited_for(line: Line, tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    path = importing(tmp_path, line, HELD_START.format(hold=str(hold)))

    try:
        with line.worker("starting", concurrency=2, PYTHONPATH=path) as worker:
            starting = eventually(lambda: two_of_pool(worker), what="two processes that start")
            worker.terminate()
            assert worker.wait(120) == 0
    finally:
        hold.unlink()

    assert "worker_cancels_work" not in line.log("starting")
    assert not any(process.is_running() for process in starting)


def test_a_process_whose_results_were_not_counted_is_not_waited_for_until_work_is_cancelled(
    line: Line, tmp_path: Path
) -> None:
    with line.worker("uncounted", PYTHONPATH=importing(tmp_path, line, UNCOUNTED)) as worker:
        line.completes("before the stop")
        worker.terminate()
        assert worker.wait(120) == 0

    assert "worker_cancels_work" not in line.log("uncounted")


def importing(folder: Path, line: Line, module: str) -> str:
    """Return the path of modules with which every process imports this one first."""
    (folder / "sitecustomize.py").write_text(module)
    return os.pathsep.join((str(folder), line.environment["PYTHONPATH"]))


def two_of_pool(worker: psutil.Popen) -> list[psutil.Process]:
    """Return the worker's pool processes once there are two."""
    found = [child for child in worker.children() if "spawn_main" in command_of(child)]
    return found if len(found) == 2 else []
