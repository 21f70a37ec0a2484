"""No job waits for all work of another: small files, other domains, rate-limited domains, backfills."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import celery
import pandas as pd
import pytest
from pydantic import SecretStr

from pc_worker.samples.candidates import write_candidates
from tests.support.frames import write_documents, write_recruit
from tests.support.stack import LiveStack
from tests.support.waiting import eventually

#: Rows a chunk here: many chunks of little work.
CHUNK = 10
LIMIT = 40


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """Yield a stack with one worker process, where order shows."""
    folder = tmp_path_factory.mktemp("fair")
    live = LiveStack(
        folder / "home",
        {
            "PC_WORKER_DATA_ROOTS": str(tmp_path_factory.getbasetemp()),
            "PC_WORKER_CONCURRENCY": "1",
            "PC_WORKER_RATE_LIMITS": f"document={LIMIT}",
            "PC_WORKER_RECONCILE_S": "5",
        },
        "worker,beat",
    )
    live.start()
    yield live
    live.stop()


def send(stack: LiveStack, path: Path, domain: str) -> str:
    """Ingest as a plain client does."""
    with celery.Celery(broker=stack.addresses.redis_url, set_as_current=False) as app:
        kwargs = {"path": str(path), "domain": domain, "chunk_size": CHUNK, "max_dead": 10_000}
        return str(app.send_task("pc_worker.ingest_file", kwargs=kwargs).id)


def ended(stack: LiveStack, *jobs: str) -> bool:
    states = stack.query("SELECT state FROM jobs WHERE job_id = ANY (%s)", list(jobs))
    return len(states) == len(jobs) and all(state == "completed" for (state,) in states)


def chunks_between(stack: LiveStack, domain: str, job: str) -> int:
    """Return how many chunks of a domain's other jobs were done while a job was at work, from its start to its end."""
    counted: list[tuple[Any, ...]] = stack.query(
        "SELECT count(*) FROM chunks c JOIN jobs o USING (job_id), jobs j WHERE j.job_id = %s AND o.job_id <> %s"
        " AND o.domain = %s AND c.done_at BETWEEN j.started_at AND j.finished_at",
        job,
        job,
        domain,
    )
    return int(counted[0][0])


def chunks_of(stack: LiveStack, job: str) -> int:
    """Return how many of a job's chunks are done; 0 as well if no worker has started it."""
    return sum(int(done) for (done,) in stack.query("SELECT chunks_done FROM jobs WHERE job_id = %s", job))


def test_a_small_file_does_not_wait_behind_a_huge_one(busy: LiveStack, tmp_path: Path) -> None:
    huge = send(busy, write_recruit(tmp_path / "huge.pkl", 900), "recruit")
    small_file = write_recruit(tmp_path / "small.pkl", 3 * CHUNK, changes={n: {"Position": "s"} for n in range(30)})
    with busy.paused_worker(when=lambda: chunks_of(busy, huge) > 2):
        small = send(busy, small_file, "recruit")

    eventually(lambda: ended(busy, huge, small), within_s=180, what="both jobs' end")
    assert chunks_between(busy, "recruit", small) <= 2 * chunks_of(busy, small) + 2


def test_one_domain_does_not_starve_another(busy: LiveStack, tmp_path: Path) -> None:
    candidates = write_candidates(tmp_path).path
    pd.read_pickle(candidates).head(20 * CHUNK).to_pickle(candidates)
    changes = [{n: {"Position": f"flood {k}"} for n in range(20 * CHUNK)} for k in range(4)]
    flood = [write_recruit(tmp_path / f"flood{k}.pkl", 20 * CHUNK, changes=change) for k, change in enumerate(changes)]
    jobs = [send(busy, path, "recruit") for path in flood]

    with busy.paused_worker(when=lambda: sum(chunks_of(busy, job) for job in jobs if known(busy, job)) > 2):
        other = send(busy, candidates, "candidate")

    eventually(lambda: ended(busy, other, *jobs), within_s=240, what="the jobs' end")
    # Turn by turn: as many chunks of the flood as of its own, be there four jobs of it or forty.
    assert chunks_between(busy, "recruit", other) <= chunks_of(busy, other) + 10


def known(stack: LiveStack, job: str) -> bool:
    return bool(stack.query("SELECT 1 FROM jobs WHERE job_id = %s", job))


def test_a_limited_domain_keeps_to_its_limit(busy: LiveStack, tmp_path: Path) -> None:
    job = send(busy, write_documents(tmp_path / "d.pkl", [f"limited {n}" for n in range(12 * CHUNK)]), "document")

    eventually(lambda: ended(busy, job), within_s=120, what="the job's end")
    times = busy.query("SELECT enqueued_at, done_at FROM chunks WHERE job_id = %s ORDER BY enqueued_at", job)
    assert all(done_at >= begins_at for begins_at, done_at in times)
    gaps = [(later[0] - earlier[0]).total_seconds() for earlier, later in pairwise(times)]
    assert min(gaps) >= CHUNK / LIMIT - 0.001
    assert busy.query("SELECT 1 FROM chunks WHERE job_id = %s AND attempt > 1", job) == []


def test_a_backfill_rests_while_files_are_ingested(busy: LiveStack, tmp_path: Path) -> None:
    from pc_worker.services.models.change_model import REST, rest_s
    from pc_worker.settings import Settings
    from pc_worker.wiring import make_services

    where = busy.addresses
    settings = Settings(
        home=busy.home,
        database_url=SecretStr(where.database_url),
        redis_url=SecretStr(where.redis_url),
        data_roots=(tmp_path,),
    )
    database = make_services(settings).database
    assert rest_s(database, worked_s=2.0) == 0
    job = send(busy, write_recruit(tmp_path / "r.pkl", 1000, changes={0: {"Position": "last"}}), "recruit")

    with busy.paused_worker(when=lambda: known(busy, job) and chunks_of(busy, job) > 0):
        assert rest_s(database, worked_s=2.0) == 2.0 * REST
    database.close()
