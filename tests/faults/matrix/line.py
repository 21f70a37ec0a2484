"""Crashes and errors at every statement, commit and step of the line, by failpoints that a first job has passed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tests.faults.drill import Drill, Fault
from tests.faults.load import DOMAIN
from tests.faults.rig import Work
from tests.support.frames import row_uuid
from tests.support.waiting import eventually

KINDS = ("before", "after", "sql", "commit-before", "commit-after")
#: At once; few enough that no healthy row of a chunk is taken for poisonous.
AT_ONCE = 6
OF_A_CHUNK = (
    *("ingest.rows.write", "ingest.rows.prepare", "ingest.rows.embed"),
    *("rows.merge", "rows.identities", "log.append", "ledger.dead_letters"),
)
SPLIT = ("ingest.split", "ingest.key_index", "ingest.attempts", "ingest.submit", "ledger.jobs", "reader.")
#: Of these at once, as a job whose split kills three workers is given up.
SPLITS_AT_ONCE = 2


def passed(drill: Drill, role: str, kinds: Sequence[str] = KINDS) -> list[str]:
    """Return the points that a worker passes in a job, after one job without faults."""
    work = drill.rig.begin(rows=60)
    drill.settle(work, since=time.monotonic())
    drill.settled_s.clear()  # nothing was injected
    return drill.rig.points.seen(role, kinds)


def at_points(choose: Callable[[Drill], list[str]], action: str) -> Callable[[Drill], None]:
    """Return a drill that makes the worker do ``action`` at each of the chosen points, in random order."""

    def run(drill: Drill) -> None:
        points = choose(drill)
        drill.rig.random.shuffle(points)
        for group in groups(points[: drill.times]):
            fire(drill, group, action)

    return run


def groups(points: Sequence[str]) -> list[list[str]]:
    """Group the points so that one job survives each group."""
    found: list[list[str]] = [[]]
    for point in points:
        splits = [other for other in [*found[-1], point] if _is_split(other)]
        if len(found[-1]) == AT_ONCE or len(splits) > SPLITS_AT_ONCE:
            found.append([])
        found[-1].append(point)
    return found


def _is_split(point: str) -> bool:
    return any(part in point for part in SPLIT)


def fire(drill: Drill, points: Sequence[str], action: str, *, rows: int = 200) -> None:
    """Arm points, run a job through them, and count those that fired."""
    rig = drill.rig
    known = len(rig.points.fired())
    for point in points:
        rig.points.arm(point, action)
    work = rig.begin(rows=rows)
    last = time.monotonic()

    def over() -> bool:
        nonlocal known, last
        fired = len(rig.points.fired())
        if fired > known:
            drill.injected += fired - known
            known, last = fired, time.monotonic()
            drill.look()
        return rig.done(work) == -1

    eventually(over, within_s=240, what="the end of the job")
    rig.points.disarm()
    drill.settle(work, since=last)


def every(drill: Drill) -> list[str]:
    """Return all points of a pool process."""
    return passed(drill, "child")


def of_the_split(drill: Drill) -> list[str]:
    """Return the points that only splitting passes."""
    return [point for point in passed(drill, "child") if _is_split(point)]


def of_a_chunk(drill: Drill) -> list[str]:
    """Return the points inside a chunk's work where an error can occur."""
    return [point for point in passed(drill, "child", ("before", "sql")) if any(part in point for part in OF_A_CHUNK)]


def after_the_commit(drill: Drill) -> list[str]:
    """Return the points between a chunk's commit and its message's acknowledgement, several times over."""
    wanted = ("commit-after@pc_worker.services.ingest.rows.write", "publish.push_written", "tasks.send.send_chunks")
    points = [point for point in passed(drill, "child") if any(part in point for part in wanted)]
    return points * (drill.times // len(points) + 1)


CANCEL = "UPDATE jobs SET state = 'cancelled', finished_at = now() WHERE job_id = %s AND state = 'running' RETURNING 1"


def forgotten(drill: Drill) -> None:
    """Forget rows that a cancelled older job has not written yet, and resume it: it must not bring them back."""
    rig = drill.rig
    while drill.injected < drill.times:
        chance = rig.random.getstate()
        older = rig.begin(rows=100)
        rig.moved(older, 0)
        drill.expect(rig.query(CANCEL, (older.job_id,)) == [(1,)], "the older job was done before it was cancelled")
        rig.random.setstate(chance)  # the same rows again
        drill.note(rig.finish(rig.begin(rows=100)))
        since, victims = time.monotonic(), older.numbers[-5:]
        forget_and_resume(drill, older, victims)
        drill.injected += 1
        drill.check()
        drill.settled_s.append(time.monotonic() - since)


def forget_and_resume(drill: Drill, older: Work, victims: Sequence[int]) -> None:
    """Forget rows, and let the older job go on to its end."""
    rig = drill.rig
    ids = [word for number in victims for word in ("--id", row_uuid(number))]
    for command in (("forget", "--domain", DOMAIN, *ids), ("resume", older.job_id)):
        done = rig.stack.run(*command)
        drill.expect(done.code == 0, f"{command[0]} ended with {done.code}: {done.err.strip()}")
    rig.truth.forget(victims)
    eventually(lambda: rig.done(older) == -1, within_s=120, what="the end of the older job")


FAULTS = (
    Fault(name="forget", matrix="19", what="rows forgotten beside an older job, then resumed", times=3, run=forgotten),
    Fault(
        name="after-commit",
        matrix="8",
        what="crash after the commit, before the acknowledgement",
        times=12,
        run=at_points(after_the_commit, "exit"),
    ),
    Fault(
        name="splitter",
        matrix="29",
        what="crash of the splitter at each of its steps",
        times=12,
        run=at_points(of_the_split, "segv"),
    ),
    Fault(
        name="errors",
        matrix="20",
        what="no space left, at steps inside a chunk",
        times=12,
        run=at_points(of_a_chunk, "error:ENOSPC"),
    ),
    Fault(
        name="failpoints",
        matrix="1, 8",
        what="pool process ends at each statement, commit and step of the line in turn",
        times=100,
        run=at_points(every, "kill"),
    ),
)
