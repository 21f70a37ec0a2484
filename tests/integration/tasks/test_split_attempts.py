"""A split that raises or kills its worker every time is given up after as many attempts as a chunk."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from pc_worker.domains import Options
from pc_worker.hot_buffer import count_held
from pc_worker.settings import PROJECT
from pc_worker.store.ledger import jobs
from pc_worker.store.ledger.leases import CRASHES_ALLOWED, FAILURES_ALLOWED
from tests.faults.failpoints import INSIDE, Failpoints
from tests.integration.tasks.line import Line
from tests.support.frames import write_recruit
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def points(line: Line) -> Iterator[Failpoints]:
    """Yield failpoints of a worker that runs."""
    failpoints = Failpoints(line.folder / "faults")
    failpoints.prepare()
    path = os.pathsep.join((str(INSIDE), str(PROJECT)))
    with line.worker(concurrency=1, PYTHONPATH=path, PCW_FAULTS=str(failpoints.folder)):
        yield failpoints


@pytest.fixture(autouse=True)
def _nothing_is_left_standing(points: Failpoints) -> Iterator[None]:
    yield
    points.fall()


def queued_job(line: Line) -> str:
    """Return a job as the command line writes it; its message is sent by reconcile."""
    job = f"job-{uuid.uuid4()}"
    source = write_recruit(line.folder / f"{job}.pkl", 3, changes={0: {"Position": job}})
    with line.database.transaction() as cursor:
        request = {"chunk_size": 300, "options": Options().to_dict()}
        jobs.create_job(cursor, job_id=job, domain="recruit", source=str(source), request=request, max_dead=0)
    return job


def reconciled(line: Line, job: str) -> str | None:
    """Send the job again as if time had passed, unless a message is pending; return its final state."""
    waiting = [queue for queue in ("celery", "pcw.split.recruit", "pcw.upkeep") if line.broker.llen(queue)]
    if waiting or line.broker.hlen("unacked") or count_held(line.broker):
        return line.state(job)
    with line.database.transaction() as cursor:
        cursor.execute("UPDATE jobs SET enqueued_at = now() - interval '1 h' WHERE job_id = %s", (job,))
    line.client.send_task("pc_worker.reconcile").get(timeout=60)
    return line.state(job)


@pytest.mark.parametrize("place", ["split.split", "split._split", "submit.submit", "submit._differences"])
def test_an_unforeseen_error_is_tried_five_times(line: Line, points: Failpoints, place: str) -> None:
    points.stand(f"child.before@pc_worker.services.ingest.{place}", "error:ZeroDivisionError")
    before, job = len(points.fired()), queued_job(line)

    assert eventually(lambda: reconciled(line, job), what="the end of the job") == "failed"

    assert line.error(job) == "given up at the split: ZeroDivisionError: nobody foresaw this"
    assert len(points.fired()) - before == FAILURES_ALLOWED


@pytest.mark.parametrize("place", ["split._split", pytest.param("submit.submit", marks=pytest.mark.slow)])
def test_a_split_that_kills_its_worker_is_tried_three_times(line: Line, points: Failpoints, place: str) -> None:
    points.stand(f"child.before@pc_worker.services.ingest.{place}", "kill")
    before, job = len(points.fired()), queued_job(line)

    assert eventually(lambda: reconciled(line, job), within_s=120, what="the end of the job") == "failed"

    assert line.error(job).startswith("given up at the split: the worker died 3 times")
    assert len(points.fired()) - before == CRASHES_ALLOWED


def test_what_passes_is_waited_out(line: Line, points: Failpoints) -> None:
    points.stand("child.before@pc_worker.services.ingest.split._split", "error:ENOSPC")
    before, job = len(points.fired()), queued_job(line)

    eventually(
        lambda: (reconciled(line, job), len(points.fired()) > before + FAILURES_ALLOWED)[1], what="many attempts"
    )
    points.fall()

    assert eventually(lambda: reconciled(line, job), what="the end of the job") == "completed"


def test_what_needs_too_much_memory_does_not_end_the_worker(line: Line, points: Failpoints) -> None:
    points.arm("child.before@pc_worker.services.ingest.split._split", "error:MemoryError")
    job = queued_job(line)

    assert eventually(lambda: reconciled(line, job), what="the end of the job") == "completed"

    assert points.armed() == set()
    assert line.log().count(" ready.") == 1, "the worker began anew"


def test_a_resumed_job_begins_to_count_anew(line: Line, points: Failpoints) -> None:
    points.stand("child.before@pc_worker.services.ingest.split._split", "error:ZeroDivisionError")
    job = queued_job(line)
    eventually(lambda: reconciled(line, job), what="the end of the job")
    points.fall()
    with line.database.transaction() as cursor:
        jobs.reopen_job(cursor, jobs.find_job(cursor, job))

    assert line.query("SELECT split_crashes, split_failures FROM jobs WHERE job_id = %s", job) == [(0, 0)]
    assert eventually(lambda: reconciled(line, job), what="its end") == "completed"
