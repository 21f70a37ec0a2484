"""The contract's tasks, called by a client that knows only the broker's URL and the tasks' names."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import celery
import pytest

from tests.support.frames import write_documents, write_recruit
from tests.support.stack import LiveStack
from tests.support.waiting import eventually


@pytest.fixture
def client(stack: LiveStack) -> Iterator[celery.Celery]:
    url = stack.addresses.redis_url
    with celery.Celery(broker=url, backend=url, set_as_current=False) as app:
        yield app


def ended(stack: LiveStack, job: str) -> str | None:
    result = stack.run("status", job, "--json")
    state = str(result.json()["state"]) if result.code == 0 else "unknown"
    return None if state in ("unknown", "queued", "splitting", "running") else state


def test_the_task_id_is_the_job_id(stack: LiveStack, client: celery.Celery, tmp_path: Path) -> None:
    source = write_documents(tmp_path / "d.pkl", ["a first note", "a second note"])

    sent = client.send_task("pc_worker.ingest_file", kwargs={"path": str(source), "domain": "document"})

    assert sent.get(timeout=60) == {"job_id": sent.id}
    assert eventually(lambda: ended(stack, sent.id)) == "completed"


def test_a_message_that_comes_twice_is_one_job(stack: LiveStack, client: celery.Celery, tmp_path: Path) -> None:
    source = write_recruit(tmp_path / "r.pkl", 400)
    job = str(uuid.uuid4())
    kwargs = {"path": str(source), "domain": "recruit", "job_id": job}

    for sent in [client.send_task("pc_worker.ingest_file", kwargs=kwargs) for _ in range(3)]:
        assert sent.get(timeout=60) == {"job_id": job}

    assert eventually(lambda: ended(stack, job)) == "completed"
    status = stack.run("status", job, "--json").json()
    assert status["rows_total"] == status["rows_written"] + status["rows_unchanged"] == 400


def test_a_refused_file_is_a_failed_job(stack: LiveStack, client: celery.Celery, tmp_path: Path) -> None:
    sent = client.send_task(
        "pc_worker.ingest_file", kwargs={"path": str(tmp_path / "missing.pkl"), "domain": "recruit"}
    )

    assert eventually(lambda: ended(stack, sent.id)) == "failed"
    assert "no such file" in stack.run("status", sent.id, "--json").json()["error"]


def test_search_is_a_task(stack: LiveStack, client: celery.Celery, tmp_path: Path) -> None:
    stack.ingest(write_documents(tmp_path / "zebras.pkl", ["zebras graze", "ships sail"]), "document")

    found = client.send_task("pc_worker.search", kwargs={"query": "zebras", "domain": "document", "k": 1})

    answer = found.get(timeout=60)
    assert answer["mode"] == "hybrid"
    assert answer["hits"][0]["payload"]["text"] == "zebras graze"
    log = stack.home / "logs" / "worker.log"
    eventually(lambda: f"pc_worker.search[{found.id}] succeeded" in log.read_text(), what="the task's line in the log")
    assert "zebras graze" not in log.read_text()


def test_upkeep_tasks_may_run_at_any_time(stack: LiveStack, client: celery.Celery) -> None:
    for name in ("reconcile", "purge", "scan_inbox", "maintain_indexes"):
        assert client.send_task(f"pc_worker.{name}").get(timeout=60) is not None


def test_a_client_that_sends_a_chunk_gets_its_outcome(stack: LiveStack, client: celery.Celery, tmp_path: Path) -> None:
    job = str(stack.ingest(write_documents(tmp_path / "d.pkl", ["a note"]), "document")["job_id"])
    again, wrong = (
        client.send_task("pc_worker.process_chunk", kwargs={"job_id": job, "chunk_no": number}) for number in (0, "0")
    )

    assert again.get(timeout=60) == {"result": "gone"}
    with pytest.raises(Exception, match="chunk_no must be a whole number"):
        wrong.get(timeout=60)


def test_a_job_of_an_invalid_call_keeps_the_begin_of_its_domain(stack: LiveStack, client: celery.Celery) -> None:
    sent = client.send_task("pc_worker.ingest_file", kwargs={"path": "/a.pkl", "domain": "x" * 100_000})

    with pytest.raises(Exception, match="there is no domain"):
        sent.get(timeout=60)
    status = stack.run("status", sent.id, "--json").json()
    assert (status["state"], status["domain"]) == ("failed", "x" * 100)
