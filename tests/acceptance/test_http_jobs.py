"""Jobs over HTTP: start, repeat, watch, list, cancel and resume, as the ledger has them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.frames import write_recruit
from tests.support.http_part import events, http_client
from tests.support.stack import LiveStack
from tests.support.waiting import eventually


@pytest.fixture
def client(stack: LiveStack) -> Iterator[httpx.Client]:
    with http_client(stack) as opened:
        yield opened


def start(client: httpx.Client, path: Path, domain: str = "recruit", **options: Any) -> dict[str, Any]:
    response = client.post("/v1/jobs", json={"path": str(path), "domain": domain, **options})
    assert response.status_code == 202, response.text
    document: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/v1/jobs/{document['job_id']}"
    return document


def watch(client: httpx.Client, job: str) -> list[Any]:
    """Return the events of a job, to its end."""
    with client.stream("GET", f"/v1/jobs/{job}/events") as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-accel-buffering"] == "no"
        return list(events(response))


def test_a_job_is_started_watched_and_shown_as_the_command_line_shows_it(
    stack: LiveStack, client: httpx.Client, tmp_path: Path
) -> None:
    source = write_recruit(tmp_path / "watched.pkl", 700, first=910_000)

    job = start(client, source)["job_id"]
    seen = watch(client, job)

    assert {event.event for event in seen[:-1]} <= {"progress"}
    assert seen[-1].event == "done"
    assert seen[-1].data["state"] == "completed"
    assert seen[-1].data["rows_written"] == 700
    response = client.get(f"/v1/jobs/{job}")
    assert response.json() == stack.run("status", job, "--json").json() == seen[-1].data
    chunks = client.get(f"/v1/jobs/{job}/chunks").json()["items"]
    assert [(chunk["first_row"], chunk["state"], chunk["attempt"]) for chunk in chunks] == [
        (0, "done", 1),
        (300, "done", 1),
        (600, "done", 1),
    ]
    assert all(chunk["stage_seconds"]["write"] > 0 for chunk in chunks)


def test_an_unchanged_job_is_not_sent_again(client: httpx.Client, tmp_path: Path) -> None:
    job = start(client, write_recruit(tmp_path / "etag.pkl", 3, first=911_000))["job_id"]
    watch(client, job)
    first = client.get(f"/v1/jobs/{job}")

    for known in (first.headers["etag"], f'W/{first.headers["etag"]}, "other"', "*"):
        again = client.get(f"/v1/jobs/{job}", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert client.get(f"/v1/jobs/{job}", headers={"If-None-Match": '"other"'}).json() == first.json()


def test_a_key_makes_repeats_of_a_request_one_job(client: httpx.Client, tmp_path: Path) -> None:
    body = {"path": str(write_recruit(tmp_path / "once.pkl", 2, first=912_000)), "domain": "recruit"}
    key = {"Idempotency-Key": str(uuid.uuid4())}

    first, again = (client.post("/v1/jobs", json=body, headers=key) for _ in range(2))
    other = client.post("/v1/jobs", json=body | {"max_dead": 1}, headers=key)
    another_key = client.post("/v1/jobs", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["job_id"] == again.json()["job_id"] != another_key.json()["job_id"]
    assert (other.status_code, other.json()["code"]) == (422, "invalid_request")
    assert "max_dead" in other.json()["detail"]


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "é"])
def test_a_key_that_is_none_is_refused(client: httpx.Client, key: str) -> None:
    response = client.post(
        "/v1/jobs", json={"path": "/x", "domain": "recruit"}, headers=[(b"Idempotency-Key", key.encode())]
    )

    assert response.status_code == 422


def test_jobs_are_listed_in_pages_the_newest_first(client: httpx.Client, tmp_path: Path) -> None:
    source = write_recruit(tmp_path / "listed.pkl", 1, first=913_000)
    started = [start(client, source)["job_id"] for _ in range(5)]
    for job in started:
        watch(client, job)

    seen, cursor = list[str](), None
    while True:
        asked: dict[str, Any] = {"domain": "recruit", "state": "completed", "limit": 2} | (
            {"cursor": cursor} if cursor else {}
        )
        page = client.get("/v1/jobs", params=asked).json()
        seen += [job["job_id"] for job in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None or len(seen) >= 6:
            break

    assert seen[:5] == started[::-1]
    assert len(set(seen)) == len(seen)
    document = client.get("/v1/jobs", params={"domain": "document", "limit": 100}).json()["items"]
    assert not [job for job in document if job["domain"] != "document"]


def test_a_job_is_cancelled_and_resumed(stack: LiveStack, client: httpx.Client, tmp_path: Path) -> None:
    job = start(client, write_recruit(tmp_path / "resumed.pkl", 3000, first=914_000))["job_id"]
    done = "SELECT 1 FROM chunks WHERE job_id = %s AND state = 'done'"
    with stack.paused_worker(when=lambda: stack.query(done, job)):
        holders = [chunk["holder"] for chunk in client.get(f"/v1/jobs/{job}/chunks").json()["items"]]
        cancelled = client.post(f"/v1/jobs/{job}/cancel")
        again = client.post(f"/v1/jobs/{job}/cancel")

    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    assert all(holder is None or int(holder.rpartition(":")[2]) for holder in holders)
    resumed = client.post(f"/v1/jobs/{job}/resume")
    assert resumed.status_code == 200
    assert watch(client, job)[-1].data["rows_written"] == 3000
    assert client.post(f"/v1/jobs/{job}/resume").status_code == 409


def test_who_holds_a_chunk_is_named(stack: LiveStack, client: httpx.Client, tmp_path: Path) -> None:
    body = {"path": str(write_recruit(tmp_path / "held.pkl", 3000, first=918_000)), "domain": "recruit"}
    job = client.post("/v1/jobs", json=body).json()["job_id"]

    def holders() -> set[str]:
        chunks = client.get(f"/v1/jobs/{job}/chunks").json()["items"]
        return {chunk["holder"] for chunk in chunks} - {None}

    found = eventually(holders, what="a held chunk")
    workers = {process.pid for process in stack.family("worker")}
    assert {int(holder.rpartition(":")[2]) for holder in found} <= workers
    watch(client, job)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"path": "/etc/passwd", "domain": "recruit"}, 422, "source_rejected"),
        ({"path": "/etc/there-is-none", "domain": "recruit"}, 422, "source_rejected"),
        ({"path": "/etc", "domain": "nobody"}, 404, "unknown_domain"),
        ({"path": "/etc/passwd", "domain": "recruit", "id_column": "x"}, 422, "invalid_option"),
        ({"path": "/etc/passwd"}, 422, "invalid_request"),
        ({"path": "/etc/passwd", "domain": 3}, 422, "invalid_request"),
        ({"path": "", "domain": "recruit"}, 422, "invalid_request"),
        ({"path": "/x", "domain": "recruit", "unknown": 1}, 422, "invalid_request"),
        ({"path": "/x", "domain": "recruit", "max_dead": -1}, 422, "invalid_request"),
        ({"path": "/x", "domain": "recruit", "max_dead": 2**70}, 422, "invalid_request"),
        ({"path": "/x", "domain": "recruit", "chunk_size": 1001}, 422, "invalid_request"),
        ([], 422, "invalid_request"),
        (None, 422, "invalid_request"),
    ],
)
def test_a_wrong_request_starts_nothing(client: httpx.Client, body: Any, status: int, code: str) -> None:
    newest = client.get("/v1/jobs", params={"limit": 1}).json()["items"][:1]

    response = client.post("/v1/jobs", json=body)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert client.get("/v1/jobs", params={"limit": 1}).json()["items"][:1] == newest


def test_a_path_outside_the_data_roots_shows_nothing_of_this_machine(client: httpx.Client) -> None:
    details = [
        client.post("/v1/jobs", json={"path": path, "domain": "recruit"}).json()["detail"].removeprefix(path)
        for path in ("/etc/passwd", "/etc/there-is-none", "/root")
    ]

    assert len(set(details)) == 1


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"{}", 415),
        ("application/x-www-form-urlencoded", b"path=/x", 415),
        ("application/json", b"{", 400),
        ("application/json", b"[" * 100_000, 400),
        ("application/json", b'{"path": "/x", "domain": "\\ud800"}', 400),
        ("application/json", b'{"path": "a\\u0000b", "domain": "recruit"}', 400),
        ("application/json; charset=utf-16", "{}".encode("utf-16"), 400),
        ("application/json", b" " * (1024 * 1024 + 1), 413),
        ("application/json", b"1" * (1024 * 1024), 400),
    ],
)
def test_a_body_that_is_no_document_has_its_status(client: httpx.Client, kind: str, body: bytes, status: int) -> None:
    whole = client.post("/v1/jobs", content=body, headers={"Content-Type": kind})
    in_chunks = client.post("/v1/jobs", content=iter([body]), headers={"Content-Type": kind})

    assert (whole.status_code, in_chunks.status_code) == (status, status)
    assert whole.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/v1/jobs/none", "/v1/jobs/none/chunks", "/v1/jobs/none/events", f"/v1/jobs/{'x' * 9000}"]
)
def test_a_job_that_does_not_exist_is_not_found(client: httpx.Client, path: str) -> None:
    response = client.get(path)

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("cursor=broken", 400),
        ("cursor=WyJjaHVua3MiLDFd", 400),
        ("cursor=WyJqb2JzIiwibm8gdGltZSIsIngiXQ", 400),
        ("limit=0", 422),
        ("limit=101", 422),
        ("limit=many", 422),
        ("state=done", 422),
        ("domain=%00", 400),
        ("domain=%ff", 400),
    ],
)
def test_a_wrong_query_has_its_status(client: httpx.Client, query: str, status: int) -> None:
    response = client.get(f"/v1/jobs?{query}")

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
