"""Workers that are killed, asked to stop, frozen, hung, leaking or poisoned."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import psutil

from pc_worker.cli.running import STOP_GRACE_S
from tests.faults.drill import Drill, Fault
from tests.faults.matrix.line import passed
from tests.faults.rig import Rig, Work
from tests.support.processes import memory_of, runs, status_of, thaw
from tests.support.waiting import eventually

WRITE = "child.before@pc_worker.services.ingest.rows.write.write_rows"
EMBED = "child.before@pc_worker.services.ingest.rows.embed.Embedder.embed"
LEAKED_BYTES = 100_000_000


def children_killed(drill: Drill) -> None:
    """Kill a pool process, again and again."""

    def inject(_: Work) -> None:
        with suppress(psutil.NoSuchProcess):
            drill.rig.a_child().kill()

    drill.under_load(inject, rows=400)


def crashes_in_native_code(drill: Drill) -> None:
    """Make a pool process read address 0 while it embeds."""

    def inject(_: Work) -> None:
        drill.rig.points.arm(EMBED, "segv")
        eventually(lambda: not drill.rig.points.armed(), what="the crash")

    drill.under_load(inject)


def group_killed(drill: Drill) -> None:
    """Kill the worker with its pool; the supervisor starts another."""

    def inject(_: Work) -> None:
        with suppress(ProcessLookupError):
            os.killpg(drill.rig.main_of("worker").pid, signal.SIGKILL)

    drill.under_load(inject, rows=400)


def stopped_under_load(drill: Drill) -> None:
    """Ask the worker to stop, as a deployment does: it must end its work, and nothing may be lost."""

    def inject(_: Work) -> None:
        before = _cancellations(drill)
        _stop(drill)
        drill.expect(
            _cancellations(drill) == before, f"the worker cancelled its work:\n{drill.rig.worker_log(last_bytes=3000)}"
        )

    drill.under_load(inject, rows=400)


def stopped_in_trouble(drill: Drill) -> None:
    """Ask the worker to stop while a pool process hangs in native code, Redis is silent, or PostgreSQL is."""
    rig = drill.rig

    def inject(_: Work) -> None:
        trouble = drill.injected % 3
        if trouble == 0:
            rig.points.arm(EMBED, "hang")
            eventually(lambda: not rig.points.armed(), what="the hang")
            _stop(drill)
            return
        proxy = (rig.to_redis, rig.to_postgres)[trouble - 1]
        proxy.silence()
        try:
            _stop(drill)
        finally:
            proxy.cut()
            proxy.speak()

    drill.under_load(inject, rows=400, most_a_job=1)


def _stop(drill: Drill) -> None:
    """Ask the worker to stop; it must end before `up` would kill it."""
    main = drill.rig.main_of("worker")
    began = time.monotonic()
    main.terminate()
    eventually(lambda: not runs(main), within_s=90, what="the worker's end")
    took_s = time.monotonic() - began
    drill.expect(
        took_s < STOP_GRACE_S, f"the worker took {took_s:.1f} s to stop:\n{drill.rig.worker_log(last_bytes=3000)}"
    )


def _cancellations(drill: Drill) -> int:
    """Return how often a worker that was asked to stop has cancelled work because it took too long."""
    logs = (drill.rig.folder / "home" / "logs").glob("worker*")
    return sum(log.read_bytes().count(b"worker_cancels_work") for log in logs)


def zombies(drill: Drill) -> None:
    """Freeze a pool process that holds a lease; thaw it when others have done its chunk: its commit must be refused."""
    commits = [p for p in passed(drill, "child", ("commit-before",)) if "write._write_once" in p]
    places = [WRITE, EMBED, commits[0]]
    while drill.injected < drill.times:
        freeze(drill, places[drill.injected % len(places)])


def freeze(drill: Drill, point: str) -> None:
    """Suspend any process that passes ``point`` until the job has ended."""
    rig = drill.rig
    known = len(rig.points.fired())
    rig.points.arm(point, "stop")
    work = rig.begin(rows=200)
    eventually(lambda: len(rig.points.fired()) > known, what="the freezing")
    drill.injected += 1
    since, frozen = time.monotonic(), eventually(lambda: stopped_children(rig), what="a frozen process")[0]
    try:
        eventually(lambda: rig.done(work) == -1, within_s=240, what="the end of the job without the frozen process")
        drill.moved_s.append(time.monotonic() - since)
    finally:
        thaw([frozen])
    drill.settle(work, since=since)


def stopped_children(rig: Rig) -> list[psutil.Process]:
    """Return the pool processes that are frozen."""
    return [child for child in rig.children() if status_of(child) == psutil.STATUS_STOPPED]


def hangs(drill: Drill) -> None:
    """Hang in native code with the interpreter's lock held; the hard time limit, lowered to 6 s, must end it."""
    rig = drill.rig
    rig.points.tune(celery={"task_soft_time_limit": 4, "task_time_limit": 6})
    rig.restart_worker()

    def inject(_: Work) -> None:
        rig.points.arm(EMBED, "hang")
        eventually(lambda: not rig.points.armed(), what="the hang")

    try:
        drill.under_load(inject, most_a_job=2)
    finally:
        rig.points.tune()
        rig.restart_worker()


def leaks(drill: Drill) -> None:
    """Leak 100 MB in a task; a process is replaced after 20 tasks (200 in production), so memory stays bounded."""
    rig = drill.rig
    rig.points.tune(celery={"worker_max_tasks_per_child": 20})
    rig.restart_worker()

    def inject(_: Work) -> None:
        rig.points.arm(EMBED, f"leak:{LEAKED_BYTES}")
        eventually(lambda: not rig.points.armed(), what="the leak")

    try:
        drill.under_load(inject)
        work = rig.begin(rows=600)
        drill.settle(work, since=time.monotonic())
        used = max(map(memory_of, rig.children()), default=0)
        drill.expect(used < 800e6, f"a pool process holds {used / 1e6:.0f} MB after {drill.injected} leaks of 100 MB")
    finally:
        rig.points.tune()
        rig.restart_worker()


def poisoned(drill: Drill) -> None:
    """Let one row crash every process that touches it: only that row must become a dead letter."""
    rig = drill.rig
    while drill.injected < drill.times:
        rig.points.poison("", 0)
        work = rig.begin(rows=60)
        row = rig.random.randrange(60)
        rig.points.poison(work.job_id, row)
        drill.injected += 1
        since = time.monotonic()
        eventually(lambda work=work: rig.done(work) == -1, within_s=280, what="the end of the poisoned job")  # type: ignore[misc]
        crashes = rig.points.heal()
        drill.settled_s.append(time.monotonic() - since)
        state = rig.query("SELECT state, rows_written, rows_dead FROM jobs WHERE job_id = %s", (work.job_id,))[0]
        dead = rig.query("SELECT row_no FROM dead_letters WHERE job_id = %s", (work.job_id,))
        drill.expect(
            state == ("partial", 59, 1) and dead == [(row,)], f"one row was poisoned, but: {state}, dead {dead[:5]}"
        )
        rig.truth.settle([n for at, n in enumerate(work.numbers) if at != row], work.generation)
        rig.truth.maybe.pop(work.numbers[row], None)
        if work.numbers[row] not in rig.truth.generations:
            rig.truth.numbers.pop(next(i for i, n in rig.truth.numbers.items() if n == work.numbers[row]))
        drill.notes.append(f"{len(crashes)} crashes until row {row} stood alone")
        drill.check()


def lost_between_pop_and_ack(drill: Drill) -> None:
    """End the worker between taking a message off the queue and noting it as unacknowledged."""

    def inject(_: Work) -> None:
        drill.rig.points.arm("worker.before@tasks.broker.QoS.append", "exit")
        eventually(lambda: not drill.rig.points.armed(), what="the loss")

    drill.under_load(inject, most_a_job=4)


def main_loop_stands_still(drill: Drill) -> None:
    """Make the worker's main loop stop permanently with a message in progress; the watchdog must end the worker.

    It looks every second instead of every 15, and the messages of several jobs keep waiting.
    """
    rig = drill.rig
    rig.points.tune(constants={"tasks.watchdog": {"CHECK_S": 1.0}})
    rig.restart_worker()

    def inject(_: Work) -> None:
        stuck = rig.main_of("worker")
        rig.points.arm("worker.before@tasks.broker.QoS.append", "sleep:3600")
        eventually(lambda: not rig.points.armed(), what="the standstill")
        eventually(lambda: not runs(stuck), within_s=60, what="the watchdog's end of the worker")

    try:
        drill.under_load(inject, most_a_job=1)
    finally:
        rig.points.tune()
        rig.restart_worker()


FAULTS = (
    Fault(name="child-kill", matrix="1", what="pool process SIGKILL", times=20, run=children_killed),
    Fault(name="segv", matrix="1", what="crash in native code while embedding", times=6, run=crashes_in_native_code),
    Fault(name="poison", matrix="2", what="a row that crashes every process that touches it", times=1, run=poisoned),
    Fault(name="group-kill", matrix="3", what="worker and its pool SIGKILL", times=3, run=group_killed),
    Fault(name="sigterm", matrix="4", what="worker SIGTERM under load", times=3, run=stopped_under_load),
    Fault(
        name="sigterm-trouble",
        matrix="4",
        what="worker SIGTERM while a process hangs, or a server is silent",
        times=3,
        run=stopped_in_trouble,
    ),
    Fault(name="zombie", matrix="5", what="pool process frozen past its lease, then thawed", times=3, run=zombies),
    Fault(name="hang", matrix="6", what="hang in native code (hard limit set to 6 s)", times=2, run=hangs),
    Fault(name="leak", matrix="7", what="100 MB leaked in a task", times=3, run=leaks),
    Fault(name="pop-ack", matrix="9", what="crash between BRPOP and unacked", times=4, run=lost_between_pop_and_ack),
    Fault(name="stall", matrix="9", what="the worker's main loop stops for good", times=2, run=main_loop_stands_still),
)
