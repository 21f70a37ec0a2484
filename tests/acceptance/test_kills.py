"""Processes killed in the middle: the ledger sums, and no row is missing or doubled."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import redis

from tests.support.frames import row_uuid, write_documents, write_recruit
from tests.support.processes import each
from tests.support.stack import LiveStack
from tests.support.waiting import eventually

ROWS = 3000
ENDED = ("completed", "partial", "failed", "cancelled")


def started(stack: LiveStack, source: Path, domain: str, *, done: int) -> str:
    """Enqueue a file and wait until some of its chunks are done."""
    job = stack.run("ingest", str(source), "--domain", domain, "--json").json()["job_id"]
    eventually(lambda: chunks_done(stack, job) >= done, what=f"{done} chunks done")
    return str(job)


def chunks_done(stack: LiveStack, job: str) -> int:
    return int(stack.query("SELECT chunks_done FROM jobs WHERE job_id = %s", job)[0][0])


def assert_complete(stack: LiveStack, job: str, domain: str, ids: set[str]) -> None:
    """The oracle: job, rows, vectors, log and stream agree with the source."""

    def ended() -> bool:
        return str(stack.query("SELECT state FROM jobs WHERE job_id = %s", job)[0][0]) in ENDED

    eventually(ended, within_s=150, what="the job's end")
    status = stack.run("status", job, "--json").json()
    assert status["state"] == "completed", status
    assert status["rows_written"] + status["rows_unchanged"] == status["rows_total"] == len(ids)
    rows = stack.stream(domain)
    assert [row["position"] for row in rows] == sorted(row["position"] for row in rows)
    assert len(rows) == len(ids)
    assert {row["id"] for row in rows} == ids or domain == "document"
    assert stack.query("SELECT count(DISTINCT row_id) FROM embeddings WHERE domain = %s", domain) == [(len(ids),)]
    head = stack.query("SELECT head FROM domains WHERE domain = %s", domain)[0][0]
    assert stack.query("SELECT count(*) FROM log WHERE domain = %s", domain) == [(head,)]


def pool_children(stack: LiveStack) -> list[psutil.Process]:
    return stack.family("worker")[1:]


def test_killed_children_of_a_worker_lose_and_double_nothing(own_stack: LiveStack, tmp_path: Path) -> None:
    job = started(own_stack, write_recruit(tmp_path / "r.pkl", ROWS), "recruit", done=1)

    each(pool_children(own_stack), psutil.Process.kill)

    assert_complete(own_stack, job, "recruit", {row_uuid(n) for n in range(ROWS)})


def test_a_killed_worker_loses_and_doubles_nothing(own_stack: LiveStack, tmp_path: Path) -> None:
    texts = [f"the text of note number {n}" for n in range(1500)]
    job = started(own_stack, write_documents(tmp_path / "d.pkl", texts), "document", done=1)
    family = own_stack.family("worker")

    each(family, psutil.Process.kill)

    assert_complete(own_stack, job, "document", {str(n) for n in range(1500)})


def test_a_killed_redis_loses_and_doubles_nothing(own_stack: LiveStack, tmp_path: Path) -> None:
    job = started(own_stack, write_recruit(tmp_path / "r.pkl", ROWS), "recruit", done=1)

    os.kill(own_stack.addresses.pids["redis"], signal.SIGKILL)

    assert_complete(own_stack, job, "recruit", {row_uuid(n) for n in range(ROWS)})


def test_a_killed_postgres_loses_and_doubles_nothing(own_stack: LiveStack, tmp_path: Path) -> None:
    job = started(own_stack, write_recruit(tmp_path / "r.pkl", ROWS), "recruit", done=1)

    os.kill(own_stack.addresses.pids["postgres"], signal.SIGQUIT)

    eventually(lambda: own_stack.run("jobs", "--json").code == 0, what="PostgreSQL's return")
    assert_complete(own_stack, job, "recruit", {row_uuid(n) for n in range(ROWS)})


def test_an_emptied_redis_loses_nothing(own_stack: LiveStack, tmp_path: Path) -> None:
    job = started(own_stack, write_recruit(tmp_path / "r.pkl", ROWS), "recruit", done=2)

    with redis.Redis.from_url(own_stack.addresses.redis_url) as client:
        client.flushall()

    assert_complete(own_stack, job, "recruit", {row_uuid(n) for n in range(ROWS)})


def test_a_frozen_worker_is_replaced_and_fenced(own_stack: LiveStack, tmp_path: Path) -> None:
    texts = [f"the text of note number {n}" for n in range(1200)]
    job = started(own_stack, write_documents(tmp_path / "d.pkl", texts), "document", done=1)
    frozen = pool_children(own_stack)[0]
    frozen.suspend()
    try:
        assert_complete(own_stack, job, "document", {str(n) for n in range(1200)})
    finally:
        frozen.resume()
    assert own_stack.run("status", job, "--json").json()["state"] == "completed"
