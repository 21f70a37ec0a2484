"""Uploads: streamed to disk, recognised by content, bounded; a broken one leaves nothing."""

from __future__ import annotations

import gzip
import http.client
import os
import pickle
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pandas as pd
import psutil
import pytest

from tests.support.frames import write_recruit
from tests.support.http_part import HttpPart, events, http_client, running_http
from tests.support.stack import LiveStack
from tests.support.waiting import eventually

LIMIT = 3_000_000


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("true",)


@pytest.fixture
def client(stack: LiveStack) -> Iterator[httpx.Client]:
    with http_client(stack) as opened:
        yield opened


@pytest.fixture(scope="module")
def small(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpPart]:
    """Yield a part with small limits and a folder of uploads of its own."""
    folder = tmp_path_factory.mktemp("small")
    limits = {"UPLOAD_MAX_BYTES": str(LIMIT), "UPLOADS_MAX_BYTES": str(2 * LIMIT), "UPLOADS": str(folder / "uploads")}
    with running_http(stack, folder, **limits) as part:
        yield part


def files(part: HttpPart) -> list[str]:
    folder = part.log.parent / "uploads"
    return os.listdir(folder) if folder.exists() else []


def outcome(client: httpx.Client, response: httpx.Response) -> dict[str, object]:
    """Return the document of the job that an upload started, at its end."""
    assert response.status_code == 202, response.text
    with client.stream("GET", f"{response.headers['location']}/events") as stream:
        *_, last = events(stream)
    document: dict[str, object] = last.data
    return document


def test_a_raw_file_is_ingested_and_removed(stack: LiveStack, client: httpx.Client, tmp_path: Path) -> None:
    content = write_recruit(tmp_path / "raw.pkl", 400, first=920_000).read_bytes()

    response = client.post("/v1/files?domain=recruit", content=content)
    job = outcome(client, response)

    assert (job["state"], job["rows_written"]) == ("completed", 400)
    spooled = Path(str(job["source"]))
    assert spooled.is_relative_to(stack.home)
    eventually(lambda: not spooled.exists(), what="the removal of the upload")


def test_a_text_table_of_one_column_is_told_by_its_name_or_type(client: httpx.Client) -> None:
    content = b"text\nonly words in here\nand no comma\n"
    named = client.post("/v1/files?domain=document", files={"file": ("words.csv", content)})
    typed = client.post(
        "/v1/files?domain=document", content=content, headers={"Content-Type": "text/csv; charset=utf-8"}
    )

    jobs = [outcome(client, response) for response in (named, typed)]

    assert [(job["state"], job["rows_written"]) for job in jobs] == [("completed", 2), ("completed", 2)]
    eventually(lambda: not any(Path(str(job["source"])).exists() for job in jobs), what="the removal of the uploads")


@pytest.mark.parametrize(
    "name", ["a name.csv", "../../etc/passwd", "C:\\data\\x.bin", "ä" * 300, "가" * 300, "\x00\x01", ""]
)
def test_the_name_of_a_file_in_a_form_is_only_a_label(stack: LiveStack, client: httpx.Client, name: str) -> None:
    table = pd.DataFrame({"id": [f"label {name!r} {i}" for i in range(3)], "text": ["one", "two", "three"]})
    content = gzip.compress(pickle.dumps(table))

    response = client.post("/v1/files?domain=document&id_column=id", files={"file": (name, content, "text/csv")})
    job = outcome(client, response)

    assert (job["state"], job["rows_written"]) == ("completed", 3)
    kept = ".csv" if name.endswith(".csv") else ""  # of a text table, the ending is the only sign of its delimiter
    assert Path(str(job["source"])).name == f"{job['job_id']}{kept}"


def test_the_label_scopes_the_keys(stack: LiveStack, client: httpx.Client) -> None:
    content = b"id,text\n1,scoped by its label\n"

    first = outcome(client, client.post("/v1/files?domain=document&id_column=id", files={"f": ("label.csv", content)}))
    again = outcome(
        client, client.post("/v1/files?domain=document&id_column=id", files={"f": ("x/label.csv", content)})
    )
    other = outcome(client, client.post("/v1/files?domain=document&id_column=id", files={"f": ("other.csv", content)}))

    assert [job["rows_written"] for job in (first, again, other)] == [1, 0, 1]
    assert again["rows_unchanged"] == 1


def test_a_refused_file_is_a_failed_job_and_nothing_else(client: httpx.Client) -> None:
    job = outcome(client, client.post("/v1/files?domain=document", content=pickle.dumps(Evil())))

    assert job["state"] == "failed"
    assert "system" in str(job["error"])
    eventually(lambda: not Path(str(job["source"])).exists(), what="the removal of the upload")


def test_a_key_makes_repeats_of_an_upload_one_job(stack: LiveStack, client: httpx.Client) -> None:
    content, key = b"id,text\n1,uploaded twice\n", {"Idempotency-Key": str(uuid.uuid4())}
    url = "/v1/files?domain=document&id_column=id"

    def send(data: bytes = content, more: str = "") -> httpx.Response:
        return client.post(url + more, files={"file": ("twice.csv", data)}, headers=key)

    with ThreadPoolExecutor(4) as pool:
        (job,) = {str(outcome(client, response)["job_id"]) for response in pool.map(lambda _: send(), range(4))}
    repeated, other, options = send(), send(content + b"2,more\n"), send(more="&max_dead=1")

    assert (repeated.status_code, repeated.json()["job_id"], repeated.json()["state"]) == (202, job, "completed")
    for answer, difference in ((other, "another content"), (options, "max_dead")):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        assert difference in answer.json()["detail"]
    assert client.post(url, content=content).json()["job_id"] != job
    eventually(lambda: not list((stack.home / "uploads").glob(f"{job}*")), what="the removal of the upload")


def test_a_key_of_a_refused_upload_is_free(client: httpx.Client) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}

    refused = client.post("/v1/files?domain=document", content=os.urandom(5000), headers=key)
    taken = client.post("/v1/files?domain=document", content=b"id,text\n1,a\n", headers=key)

    assert (refused.status_code, outcome(client, taken)["state"]) == (415, "completed")


FORM = "multipart/form-data; boundary=b"


@pytest.mark.parametrize(
    ("query", "headers", "content", "status", "code"),
    [
        ("domain=recruit", {}, b"", 422, "invalid_request"),
        ("domain=recruit", {}, os.urandom(5000), 415, "unsupported_media"),
        ("domain=recruit", {}, b"\x89PNG\r\n\x1a\n" + bytes(500), 415, "unsupported_media"),
        ("domain=recruit", {}, b"x" * (LIMIT + 1), 413, "too_large"),
        ("domain=nobody", {}, b"a,b\n1,2\n", 404, "unknown_domain"),
        ("", {}, b"a,b\n1,2\n", 422, "invalid_request"),
        ("domain=recruit&unknown=1", {}, b"a,b\n1,2\n", 422, "invalid_request"),
        ("domain=recruit&id_column=x", {}, b"a,b\n1,2\n", 422, "invalid_option"),
        ("domain=document&encoding=klingon", {}, b"a,b\n1,2\n", 422, "invalid_request"),
        ("domain=recruit", {"Content-Type": "multipart/form-data"}, b"x", 422, "invalid_request"),
        ("domain=recruit", {"Content-Type": FORM}, b"no form at all", 422, "invalid_request"),
        ("domain=recruit", {"Content-Type": FORM}, b"--b--\r\n", 422, "invalid_request"),
        (
            "domain=recruit",
            {"Content-Type": FORM},
            b'--b\r\nContent-Disposition: form-data; name="domain"\r\n\r\nrecruit\r\n--b--\r\n',
            422,
            "invalid_request",
        ),
        (
            "domain=recruit",
            {"Content-Type": FORM},
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\na,b\n1,2\r\n' * 2 + b"--b--\r\n",
            422,
            "invalid_request",
        ),
        (
            "domain=recruit",
            {"Content-Type": FORM},
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\na,b\n1,2\n3,4',
            422,
            "invalid_request",
        ),
        ("domain=recruit", {"Content-Type": FORM}, b"--b\r\n" + b"x: y\r\n" * 5000, 422, "invalid_request"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_wrong_upload_has_its_status_and_leaves_nothing(
    small: HttpPart, query: str, headers: dict[str, str], content: bytes, status: int, code: str, chunked: bool
) -> None:
    with small.client() as client:
        sent = iter([content[i : i + 100_000] for i in range(0, len(content), 100_000)]) if chunked else content

        response = client.post(f"/v1/files?{query}", content=sent, headers=headers)

    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert files(small) == []


def test_an_upload_that_breaks_off_leaves_nothing(small: HttpPart) -> None:
    host = small.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host)
    connection.putrequest("POST", "/v1/files?domain=recruit")
    connection.putheader("Content-Length", "2000000")
    connection.endheaders(b"a,b\n" * 300_000)
    eventually(lambda: files(small), what="the part")

    connection.close()

    eventually(lambda: not files(small), what="the removal of the part")
    with small.client() as client:
        assert client.get("/healthz").status_code == 200


def test_what_a_killed_process_received_is_removed_by_the_next_one(stack: LiveStack, tmp_path: Path) -> None:
    uploads = {"UPLOADS": str(tmp_path / "uploads")}
    with running_http(stack, tmp_path, **uploads) as part:
        connection = http.client.HTTPConnection(part.url.removeprefix("http://"))
        connection.putrequest("POST", "/v1/files?domain=recruit")
        connection.putheader("Content-Length", "2000000")
        connection.endheaders(b"a,b\n" * 300_000)
        (left,) = eventually(lambda: files(part), what="the part")
        part.process.send_signal(signal.SIGKILL)
        part.process.wait()
    old = time.time() - 60
    os.utime(tmp_path / "uploads" / left, (old, old))

    with running_http(stack, tmp_path, **uploads) as part:
        eventually(lambda: not files(part), what="the removal of the part")


def test_uploads_are_refused_while_their_folder_is_full(small: HttpPart) -> None:
    folder = small.log.parent / "uploads"
    folder.mkdir(exist_ok=True)
    with (folder / "kept").open("wb") as file:
        file.truncate(2 * LIMIT)
    with small.client() as client:
        response = client.post("/v1/files?domain=recruit", content=b"a,b\n1,2\n")
    (folder / "kept").unlink()

    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response.headers["retry-after"]) > 0


def test_a_large_upload_takes_no_memory(stack: LiveStack, client: httpx.Client) -> None:
    part = psutil.Process(stack.addresses.pids["http"])
    rows = b"x,y\n" + b"1,2\n" * 250_000
    before = part.memory_info().rss

    response = client.post(
        "/v1/files?domain=document&delimiter=%2C&id_column=none", content=iter([rows] * 100), timeout=120
    )
    after = part.memory_info().rss

    assert response.status_code == 202
    assert after - before < 30_000_000
    client.post(f"{response.headers['location']}/cancel")


def test_another_callers_upload_is_no_path(stack: LiveStack, client: httpx.Client) -> None:
    folder = stack.home / "uploads"
    folder.mkdir(exist_ok=True)
    (folder / "anothers").write_bytes(b"a,b\n1,2\n")

    response = client.post("/v1/jobs", json={"path": str(folder / "anothers"), "domain": "document"})
    (folder / "anothers").unlink()

    assert (response.status_code, response.json()["code"]) == (422, "source_rejected")
