"""Beat killed, doubled, absent, and clocks that jump."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from tests.faults.drill import Drill, Fault
from tests.faults.matrix.worker import children_killed
from tests.faults.rig import Rig, Work
from tests.support.processes import each, thaw
from tests.support.waiting import eventually

HOUR_S = 3600.0


@contextmanager
def another(rig: Rig, part: str) -> Iterator[None]:
    """Run one more of a component in addition to the stack's own."""
    environment = rig.stack.env | {"PC_WORKER_HOME": str(rig.folder / f"other-{part}")}
    command = [sys.executable, "-m", "pc_worker", part]
    with (rig.folder / f"other-{part}.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=rig.folder)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def two_beats(drill: Drill) -> None:
    """Run a second beat while pool processes are killed."""
    with another(drill.rig, "beat"):
        children_killed(drill)


def killed(drill: Drill) -> None:
    """Kill beat, again and again."""

    def inject(_: Work) -> None:
        with suppress(psutil.NoSuchProcess):
            drill.rig.main_of("beat").kill()

    drill.under_load(inject, rows=400)


def absent(drill: Drill) -> None:
    """Freeze beat for 20 s, lose messages meanwhile, then thaw it."""
    rig = drill.rig

    def inject(_: Work) -> None:
        beat = rig.main_of("beat")
        each([beat], psutil.Process.suspend)
        with rig.redis_client() as client:
            client.delete("pcw.embed", *client.keys("pcw.embed.*"))
        time.sleep(20)
        thaw([beat])

    drill.under_load(inject, rows=400, most_a_job=1)


def clock_jumps(drill: Drill) -> None:
    """Set the clock of beat and worker an hour ahead, then back; kill a pool process each time."""
    rig = drill.rig
    try:
        while drill.injected < drill.times:
            shift = HOUR_S if drill.injected % 2 == 0 else -HOUR_S
            rig.points.tune(clock_shift_s={"beat": shift, "worker": shift, "child": shift})
            restart(rig)
            work = rig.begin(rows=300)
            rig.moved(work, 0)
            since = time.monotonic()
            with suppress(psutil.NoSuchProcess):
                rig.a_child().kill()
            drill.injected += 1
            drill.settle(work, since=since)
    finally:
        rig.points.tune()
        restart(rig)


def restart(rig: Rig) -> None:
    """Restart beat and worker with the current tuning."""
    beat = rig.main_of("beat")
    beat.kill()
    eventually(lambda: rig.main_of("beat").pid != beat.pid, what="a new beat")
    rig.restart_worker()


FAULTS = (
    Fault(name="two-beats", matrix="30", what="second beat, pool processes killed", times=5, run=two_beats),
    Fault(name="beat-kill", matrix="30", what="beat SIGKILL", times=5, run=killed),
    Fault(name="beat-absent", matrix="30", what="beat frozen for 20 s, messages lost meanwhile", times=1, run=absent),
    Fault(name="clock", matrix="30", what="clocks of beat and workers jump by an hour", times=2, run=clock_jumps),
)
