"""Distinguishing processes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pc_worker.embedded.process_identity import parent_of, started_at, working_in


def test_a_process_keeps_its_identity() -> None:
    assert started_at(os.getpid()) == started_at(os.getpid()) is not None


def test_two_processes_differ() -> None:
    assert started_at(os.getpid()) != started_at(1)


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert started_at(child.pid) is None
    child.wait()
    assert started_at(child.pid) is None


def test_a_parent_is_known() -> None:
    assert parent_of(os.getpid()) == os.getppid()


def test_a_program_is_found_by_the_folder_it_works_in_and_no_other_program_is(tmp_path: Path) -> None:
    child = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
    try:
        while not working_in(tmp_path, ("sleep",)):  # until the fork has become sleep
            assert child.poll() is None
        assert working_in(tmp_path, ("sleep",)) == [child.pid]
        assert working_in(tmp_path, ("postgres",)) == []
        assert working_in(tmp_path.parent, ("sleep",)) == []
    finally:
        child.kill()
        child.wait()


def test_a_program_is_found_by_a_folder_among_its_arguments(tmp_path: Path) -> None:
    child = subprocess.Popen(["tail", "-f", "/dev/null", str(tmp_path)], stderr=subprocess.DEVNULL)
    try:
        while not working_in(tmp_path, ("tail",)):  # until the fork has become tail
            assert child.poll() is None
    finally:
        child.kill()
        child.wait()
