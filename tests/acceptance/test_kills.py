"""Processes killed in the middle: the ledger sums, and no row is missing or doubled."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil
import redis

from tests.support.frames import row_uuid, write_documents, write_recruit
from tests.support.processes import each
from tests.support.stack import LiveStack
from tests.support.waiting import eventually

ROWS = 900
ENDED = ("completed", "partial", "failed", "cancelled")


@dataclass(frozen=True)
class Started:
    """A job at work, and how long the domain's log was before it."""

    job: str
    domain: str
    head: int


def started(stack: LiveStack, source: Path, domain: str, *, done: int) -> Started:
    """Enqueue a file and wait until some of its chunks are done."""
    ((head,),) = stack.query("SELECT head FROM domains WHERE domain = %s", domain)
    job = stack.run("ingest", str(source), "--domain", domain, "--json").json()["job_id"]
    eventually(lambda: chunks_done(stack, job) >= done, what=f"{done} chunks done", brief=True)
    return Started(str(job), domain, int(head))


def chunks_done(stack: LiveStack, job: str) -> int:
    return int(stack.query("SELECT chunks_done FROM jobs WHERE job_id = %s", job)[0][0])


def assert_complete(stack: LiveStack, started: Started, ids: set[str]) -> None:
    """Check that job, rows, vectors, log and stream agree with the source."""
    domain = started.domain

    def ended() -> bool:
        return str(stack.query("SELECT state FROM jobs WHERE job_id = %s", started.job)[0][0]) in ENDED

    eventually(ended, within_s=150, what="the job's end")
    status = stack.run("status", started.job, "--json").json()
    assert status["state"] == "completed", status
    assert status["rows_written"] + status["rows_unchanged"] == status["rows_total"] == len(ids)
    rows = stack.stream(domain, "--after", str(started.head))
    assert [row["position"] for row in rows] == sorted(row["position"] for row in rows)
    assert len(rows) == len(ids)
    assert {row["id"] for row in rows} == ids or domain == "document"
    with_vector = "SELECT count(DISTINCT row_id) FROM embeddings WHERE domain = %s AND row_id::text = ANY (%s)"
    assert stack.query(with_vector, domain, [row["id"] for row in rows]) == [(len(ids),)]
    head = stack.query("SELECT head FROM domains WHERE domain = %s", domain)[0][0]
    assert stack.query("SELECT count(*) FROM log WHERE domain = %s", domain) == [(head,)]


def pool_children(stack: LiveStack) -> list[psutil.Process]:
    return stack.family("worker")[1:]


def recruits(folder: Path, number: int) -> tuple[Path, set[str]]:
    """Return a file with rows that only the test of this number has, and their ids."""
    first = number * 10_000
    source = write_recruit(folder / f"kill-{number}.pkl", ROWS, first=first)
    return source, {row_uuid(n) for n in range(first, first + ROWS)}


def documents(folder: Path, kind: str, rows: int) -> tuple[Path, set[str]]:
    """Return a file with texts that only the test of this kind has, and as many names."""
    texts = [f"the text of {kind} number {n}" for n in range(rows)]
    return write_documents(folder / f"{kind}.pkl", texts), {str(n) for n in range(rows)}


def test_killed_children_of_a_worker_lose_and_double_nothing(hurt_stack: LiveStack, tmp_path: Path) -> None:
    source, ids = recruits(tmp_path, 1)
    job = started(hurt_stack, source, "recruit", done=1)

    each(pool_children(hurt_stack), psutil.Process.kill)

    assert_complete(hurt_stack, job, ids)


def test_a_killed_worker_loses_and_doubles_nothing(hurt_stack: LiveStack, tmp_path: Path) -> None:
    source, ids = documents(tmp_path, "killed", 750)
    job = started(hurt_stack, source, "document", done=1)
    family = hurt_stack.family("worker")

    each(family, psutil.Process.kill)

    assert_complete(hurt_stack, job, ids)


def test_a_killed_redis_loses_and_doubles_nothing(hurt_stack: LiveStack, tmp_path: Path) -> None:
    source, ids = recruits(tmp_path, 2)
    job = started(hurt_stack, source, "recruit", done=1)

    os.kill(hurt_stack.addresses.pids["redis"], signal.SIGKILL)

    assert_complete(hurt_stack, job, ids)


def test_a_killed_postgres_loses_and_doubles_nothing(hurt_stack: LiveStack, tmp_path: Path) -> None:
    source, ids = recruits(tmp_path, 3)
    job = started(hurt_stack, source, "recruit", done=1)

    os.kill(hurt_stack.addresses.pids["postgres"], signal.SIGQUIT)

    eventually(lambda: hurt_stack.run("jobs", "--json").code == 0, what="PostgreSQL's return")
    assert_complete(hurt_stack, job, ids)


def test_an_emptied_redis_loses_nothing(hurt_stack: LiveStack, tmp_path: Path) -> None:
    source, ids = recruits(tmp_path, 4)
    job = started(hurt_stack, source, "recruit", done=2)

    with redis.Redis.from_url(hurt_stack.addresses.redis_url) as client:
        client.flushall()

    assert_complete(hurt_stack, job, ids)


def test_a_frozen_worker_is_replaced_and_fenced(hurt_stack: LiveStack, tmp_path: Path) -> None:
    source, ids = documents(tmp_path, "frozen", 600)
    started_job = started(hurt_stack, source, "document", done=1)
    frozen = pool_children(hurt_stack)[0]
    frozen.suspend()
    try:
        assert_complete(hurt_stack, started_job, ids)
    finally:
        frozen.resume()
    assert hurt_stack.run("status", started_job.job, "--json").json()["state"] == "completed"
