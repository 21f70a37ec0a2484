"""Helpers that inspect processes accept that a process ends between being found and being read."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from tests.support import processes
from tests.support.waiting import eventually


@pytest.fixture
def ended() -> psutil.Process:
    """Return a process that was found alive and has ended since."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = psutil.Process(child.pid)
    child.communicate(b"\n")
    return found


def test_a_process_that_has_gone_is_no_error(ended: psutil.Process) -> None:
    processes.each([ended], psutil.Process.suspend)
    processes.thaw([ended])

    assert processes.family_of(ended.pid) == []
    assert processes.freeze(ended.pid) == []
    assert not processes.runs(ended)
    assert processes.status_of(ended) is None
    assert processes.command_of(ended) == ""
    assert processes.memory_of(ended) == 0


def test_a_family_is_frozen_and_thawed() -> None:
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()  # both run

        frozen = processes.freeze(parent.pid)
        try:  # the signal is sent, and takes effect when the process is next scheduled
            assert len(frozen) == 2
            eventually(lambda: {processes.status_of(process) for process in frozen} == {psutil.STATUS_STOPPED})
        finally:
            processes.thaw(frozen)
            parent.communicate(b"\n")
        assert not any(map(processes.runs, frozen))
