"""A running stack whose sources lie in an object store: commands, the inbox, and a source that changes."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.object_store import ObjectStore, running_store
from tests.support.stack import LiveStack
from tests.support.waiting import eventually

ROWS = [{"id": f"k{number}", "text": f"the text of note {number}"} for number in range(700)]


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with running_store("data") as running:
        yield running


@pytest.fixture(scope="module")
def site(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    folder = tmp_path_factory.mktemp("object store")
    settings = {
        **store.variables,
        "PC_WORKER_DATA_ROOTS": f"{folder}:s3://data/in",
        "PC_WORKER_INBOX": "s3://data/in/inbox",
        "PC_WORKER_SCAN_INBOX_S": "1",
        "PC_WORKER_RECONCILE_S": "2",
    }
    stack = LiveStack(folder / "home", settings, "worker,beat,http", processes=1)
    stack.start()
    yield stack
    assert stack.stop() == 0


def test_an_object_is_inspected_read_and_ingested_and_unchanged_again(site: LiveStack, store: ObjectStore) -> None:
    url = store.put("data", "in/notes.pkl", pickle.dumps(ROWS))
    options = ("--domain", "document", "--id-column", "id", "--text-column", "text", "--wait", "--json")

    seen = site.run("inspect", url, "--json").json()
    rows = site.run("rows", url, "--limit", "2").lines()
    first = site.run("ingest", url, *options).json()
    again = site.run("ingest", url.replace("s3://", "S3://"), *options).json()

    assert (seen["rows"], rows) == (700, ROWS[:2])
    assert (first["state"], first["source"], first["rows_written"]) == ("completed", url, 700)
    assert (again["state"], again["source"], again["rows_unchanged"]) == ("completed", url, 700)
    (hit,) = site.run("search", "note 77", "--domain", "document", "-k", "1", "--mode", "text", "--json").json()["hits"]
    assert hit["payload"]["text"] == "the text of note 77"


def test_an_object_is_ingested_by_http(site: LiveStack, store: ObjectStore) -> None:
    url = store.put("data", "in/http.jsonl", b'{"text": "by http"}\n')
    with httpx.Client(base_url=f"http://{site.addresses.http}") as client:
        accepted = client.post("/v1/jobs", json={"path": url, "domain": "document"})
        outside = client.post("/v1/jobs", json={"path": "s3://data/elsewhere.pkl", "domain": "document"})

        def state() -> str:
            return str(client.get(accepted.headers["Location"]).json()["state"])

        eventually(lambda: state() == "completed", within_s=60, what="the job's end")

    assert (accepted.status_code, accepted.json()["source"]) == (202, url)
    assert outside.status_code in (400, 422)


def test_an_object_in_the_inbox_becomes_a_job(site: LiveStack, store: ObjectStore) -> None:
    url = store.put("data", "in/inbox/document/dropped.jsonl", b'{"text": "dropped"}\n')

    def done() -> bool:
        return any(job["source"] == url and job["state"] == "completed" for job in site.run("jobs", "--json").json())

    eventually(done, within_s=60, what="the job of the object")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("s3://data/in/missing.pkl", "there is no such object"),
        ("s3://data/elsewhere.pkl", "outside the data roots"),
        ("gs://data/in/notes.pkl", "outside the data roots"),
    ],
)
def test_what_cannot_be_ingested_is_one_line_and_65(site: LiveStack, url: str, complaint: str) -> None:
    done = site.run("ingest", url, "--domain", "document", "--wait")

    assert (done.code, done.err.count("\n")) == (65, 1)
    assert done.err.startswith(f"error: {url}")
    assert complaint in done.err


def test_an_object_that_changes_before_its_job_is_done_fails_the_job(
    site: LiveStack, store: ObjectStore, tmp_path: Path
) -> None:
    url = store.put("data", "in/changing.pkl", pickle.dumps(ROWS * 10))
    job = site.run("ingest", url, "--domain", "document", "--json").json()["job_id"]
    split = "SELECT 1 FROM jobs WHERE job_id = %s AND chunks_total > 0"

    with site.paused_worker(when=lambda: site.query(split, job)):
        store.put("data", "in/changing.pkl", pickle.dumps(ROWS))

    eventually(lambda: site.run("status", job, "--json").json()["state"] == "failed", within_s=120, what="its failure")
    assert "changed" in site.run("status", job, "--json").json()["error"]
