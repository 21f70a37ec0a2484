"""The end of a child that the kernel has reaped already."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pc_worker.embedded.processes.logfile import LogFile
from pc_worker.embedded.processes.process import Command, Process
from tests.support.waiting import eventually


@pytest.fixture
def _ended_children_are_reaped_by_the_kernel() -> Iterator[None]:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGCHLD, before)


@pytest.mark.usefixtures("_ended_children_are_reaped_by_the_kernel")
def test_a_child_that_has_been_reaped_can_be_asked_to_stop(tmp_path: Path) -> None:
    process = Process(Command(name="part", argv=("true",)), LogFile(tmp_path / "part.log"))
    process.start()
    eventually(lambda: process.pid is None)

    process.ask_to_stop()
    process.finish(0.0)

    assert process.pid is None
