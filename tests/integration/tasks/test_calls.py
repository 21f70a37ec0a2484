"""A call that is wrong fails at once with one sentence and leaves a failed job; an id stands for one request."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from pc_worker.settings import PROJECT
from tests.integration.tasks.line import Line
from tests.support.frames import write_recruit
from tests.support.waiting import eventually


@pytest.fixture(scope="module", autouse=True)
def _worker(line: Line) -> Iterator[None]:
    with line.worker(concurrency=2):
        yield


def refusal(line: Line, task: str, *args: Any, **kwargs: Any) -> tuple[str, str]:
    """Return the task's id and the one sentence that it failed with."""
    sent = line.client.send_task(task, args=args, kwargs=kwargs)
    with pytest.raises(Exception, match=r".") as caught:
        sent.get(timeout=30)
    text = str(caught.value)
    assert text.isprintable(), text
    return str(sent.id), text


def resent(line: Line) -> int:
    """Send missing messages again; return the number of ingests."""
    return int(line.client.send_task("pc_worker.reconcile").get(timeout=30)["ingests"])


def test_a_wrong_ingest_leaves_a_failed_job_that_says_why(line: Line) -> None:
    source = str(write_recruit(line.folder / "sound.pkl", 3))
    wrong: list[dict[str, Any]] = [
        {"chunk_size": "300"}, {"chunk_size": 0}, {"source": 7}, {"source": "a\0"}, {"max_dead": 10**20},
        {"path": ""}, {"path": "sound.pkl"}, {"path": 5}, {"path": "/\ud800"}, {"text_columns": "text"},
        {"dialect": "x"}, {"domain": "nowhere"}, {"domain": 5}, {"domain": "\0"}, {"id_column": ["x"]},
    ]  # fmt: skip

    for changes in wrong:
        job, text = refusal(line, "pc_worker.ingest_file", **{"path": source, "domain": "recruit"} | changes)

        assert line.error(job) == text
        assert next(iter(changes)) in text
        assert line.query("SELECT split_failures + split_crashes FROM jobs WHERE job_id = %s", job) == [(0,)]
    assert resent(line) == 0
    assert ": Retry" not in line.log()
    assert "Traceback" not in line.log()


def test_a_given_id_that_can_stand_for_a_job_gets_the_error_another_does_not(line: Line) -> None:
    job, jobs = f"mine-{uuid.uuid4()}", "SELECT count(*) FROM jobs"
    refusal(line, "pc_worker.ingest_file", path="/x", domain="recruit", job_id=job, chunk_size=0)
    assert "chunk_size" in line.error(job)
    before = line.query(jobs)

    for wrong in (5, "", "a\n", "\0", ["x"]):
        _, text = refusal(line, "pc_worker.ingest_file", path="/x", domain="recruit", job_id=wrong)
        assert "job_id must be" in text

    assert line.query(jobs) == before


def test_every_task_refuses_what_it_does_not_know(line: Line) -> None:
    names = re.findall(r'name="(pc_worker\.\w+)"', "".join(path.read_text() for path in PROJECT.glob("tasks/*.py")))
    told = [name for name in names if name not in ("pc_worker.process_chunk", "pc_worker.send_due")]  # no results
    assert len(told) >= 9

    for name in told:
        _, text = refusal(line, name, surplus=1)
        assert "'surplus'" in text or "is missing" in text
        assert "arguments at most, not 40" in refusal(line, name, *range(40))[1]


def test_a_wrong_search_is_one_sentence(line: Line) -> None:
    wrong: list[dict[str, Any]] = [
        {"k": "3"},
        {"query": 5},
        {"where": 5},
        {"where": "no operator"},
        {"mode": "both"},
        {"k": 0},
    ]
    for changes in wrong:
        _, text = refusal(line, "pc_worker.search", **{"query": "q", "domain": "document"} | changes)

        assert str(next(iter(changes.values()))) in text


def test_a_refused_job_that_is_resumed_ends_again(line: Line) -> None:
    job, _ = refusal(line, "pc_worker.ingest_file", path="relative.pkl", domain="recruit")
    with line.database.transaction() as cursor:
        cursor.execute(
            "UPDATE jobs SET state = 'queued', enqueued_at = now() - interval '1 h' WHERE job_id = %s", (job,)
        )

    assert resent(line) == 1
    assert eventually(lambda: line.state(job), what="its end") == "failed"
    assert "path must be" in line.error(job)


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "/elsewhere/b.pkl"},
        {"domain": "document"},
        {"chunk_size": 7},
        {"max_dead": 1},
        {"source": "another"},
        {"id_column": "key"},
        {"text_columns": ["text"]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_id_stands_for_one_request(line: Line, changes: dict[str, Any]) -> None:
    job = f"one-{uuid.uuid4()}"
    source = write_recruit(line.folder / f"{job}.pkl", 3, changes={0: {"Position": job}})
    sound = {"path": str(source), "domain": "recruit", "job_id": job}
    line.client.send_task("pc_worker.ingest_file", kwargs=sound).get(timeout=30)
    assert eventually(lambda: line.state(job), what="its end") == "completed"
    before = line.query("SELECT * FROM jobs WHERE job_id = %s", job)

    _, text = refusal(line, "pc_worker.ingest_file", **sound | changes)
    again = line.client.send_task("pc_worker.ingest_file", kwargs=sound).get(timeout=30)

    ((name, value),) = changes.items()
    assert text.startswith(f"job {job} is there already, with another {name} (")
    assert str(value) in text
    assert again == {"job_id": job}
    assert line.query("SELECT * FROM jobs WHERE job_id = %s", job) == before


@pytest.mark.parametrize("made", ["nightly load {}", "{:x<255}", "{:밤<255}"], ids=["blanks", "long", "Hangul"])
def test_every_id_of_a_task_may_be_the_id_of_its_job(line: Line, made: str) -> None:
    job = made.format(str(uuid.uuid4()))
    source = write_recruit(line.folder / f"{uuid.uuid4()}.pkl", 3, changes={0: {"Position": job}})

    sent = line.client.send_task(
        "pc_worker.ingest_file", kwargs={"path": str(source), "domain": "recruit"}, task_id=job
    )

    assert sent.get(timeout=30) == {"job_id": job}
    assert eventually(lambda: line.state(job), what="its end") == "completed"
    assert line.query("SELECT rows_written + rows_unchanged FROM jobs WHERE job_id = %s", job) == [(3,)]
