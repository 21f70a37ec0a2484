"""Supervised processes: started again, stopped with all they started, never outliving their owner."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pc_worker.embedded import Command, Supervisor
from pc_worker.embedded.process_identity import started_at
from pc_worker.embedded.processes.backoff import Backoff
from tests.integration.embedded.owners import ROOT, eventually

MakeSupervisor = Callable[[], Supervisor]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    one = Supervisor(tmp_path / "logs", backoff=Backoff(first_s=0.01, most_s=0.05))
    yield one
    one.stop(0)


def shell(script: str, *, name: str = "part") -> Command:
    return Command(name=name, argv=("sh", "-c", script))


def watched_deaths(supervisor: Supervisor) -> int:
    supervisor.watch()
    return supervisor["part"].deaths


def logged(supervisor: Supervisor, text: str) -> Callable[[], bool]:
    return lambda: text in supervisor["part"].log.recent()


def test_a_part_that_dies_is_started_again_with_a_new_pid(supervisor: Supervisor) -> None:
    supervisor.start(shell("exec sleep 60"))
    pid = supervisor.pids["part"]
    subprocess.run(["kill", "-9", str(pid)], check=True)

    eventually(lambda: supervisor.watch() == ["part"])

    assert supervisor.pids["part"] != pid
    assert supervisor.exit_codes == {"part": -9}
    assert supervisor["part"].deaths == 1


def test_a_part_that_lives_is_left_alone(supervisor: Supervisor) -> None:
    supervisor.start(shell("exec sleep 60"))
    pids = supervisor.pids

    assert supervisor.watch() == []
    assert supervisor.pids == pids


def test_deaths_in_a_row_are_counted_and_their_failure_line_kept(supervisor: Supervisor) -> None:
    supervisor.start(shell("echo 'error: port taken' >&2; exit 2"))

    eventually(lambda: watched_deaths(supervisor) >= 3)

    assert supervisor.exit_codes == {"part": 2}
    eventually(lambda: supervisor["part"].failure_line == "error: port taken")


def test_stopping_lets_a_part_end_in_its_own_way(supervisor: Supervisor) -> None:
    supervisor.start(shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done"))
    eventually(logged(supervisor, "ready"))

    supervisor.stop(10)

    assert supervisor.exit_codes == {"part": 0}
    assert "bye" in supervisor["part"].log.recent()
    assert supervisor.watch() == []


def test_a_part_that_will_not_stop_is_killed_after_the_grace_time(supervisor: Supervisor) -> None:
    supervisor.start(shell("trap '' TERM; echo ready; while :; do sleep 0.01; done"))
    eventually(logged(supervisor, "ready"))

    supervisor.stop(0.1)

    assert supervisor.exit_codes == {"part": -signal.SIGKILL}


@pytest.mark.parametrize("ending", ["exit 0", "kill -9 $$"])
def test_what_a_part_started_ends_with_it(supervisor: Supervisor, ending: str) -> None:
    supervisor.start(shell(f"sleep 60 & echo child $!; sleep 0.05; {ending}"))
    eventually(logged(supervisor, "child"))
    grandchild = int(supervisor["part"].log.recent().split()[1])

    eventually(lambda: watched_deaths(supervisor) > 0)

    eventually(lambda: started_at(grandchild) is None)


def test_all_parts_are_stopped_together(supervisor: Supervisor) -> None:
    for name in ("one", "two"):
        supervisor.start(shell("exec sleep 60", name=name))

    supervisor.stop(10)

    assert supervisor.exit_codes == {"one": -signal.SIGTERM, "two": -signal.SIGTERM}
    assert supervisor.pids == {}


def test_a_secret_goes_in_by_standard_input(supervisor: Supervisor) -> None:
    command = Command(name="part", argv=("sh", "-c", "cat; sleep 60"), stdin=b"secret\n")
    assert "secret" not in repr(command)
    supervisor.start(command)

    eventually(logged(supervisor, "secret"))


def test_a_program_that_is_not_there_is_an_error_of_the_system(supervisor: Supervisor) -> None:
    with pytest.raises(FileNotFoundError):
        supervisor.start(Command(name="part", argv=("/nonexistent/program",)))
    assert supervisor.pids == {}


_OWNER = """
import os, pathlib, sys
from pc_worker.embedded import Command, Supervisor
supervisor = Supervisor(pathlib.Path(sys.argv[1]))
supervisor.start(Command(name="part", argv=("sh", "-c", "trap '' TERM INT HUP; while :; do sleep 0.01; done")))
print(supervisor.pids["part"], flush=True)
os.kill(os.getpid(), 9)
"""


def test_parts_do_not_outlive_an_owner_killed_by_9(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _OWNER, str(tmp_path)],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        check=False,
    )

    eventually(lambda: started_at(int(done.stdout)) is None)
