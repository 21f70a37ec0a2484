"""Callers that do too much or too little: each gets its status, no other caller waits, and nothing stays behind."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from pc_worker.cli.running import STOP_GRACE_S
from tests.support.frames import write_recruit
from tests.support.http_part import HttpPart, events, http_client, running_http
from tests.support.stack import LiveStack
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def limited(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpPart]:
    settings = {
        "TOKEN": "one",
        "HTTP_REQUESTS_PER_TOKEN": "60",
        "HTTP_SEARCH_COST": "20",
        "MAX_STREAMS": "2",
        "HTTP_PROXIES": "127.0.0.1",
    }
    with running_http(stack, tmp_path_factory.mktemp("limited"), **settings) as part:
        yield part


def raw(address: str, sent: bytes) -> bytes:
    """Send bytes to an address, and return what it answers until it closes the connection."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(sent)
        received = b""
        while part := connection.recv(65_536):
            received += part
    return received


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (
            b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"".join(b"x-%d: y\r\n" % i for i in range(20_000)),
            431,
            "head_too_large",
        ),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nx: " + b"y" * 200_000, 431, "head_too_large"),
        (b"GET /" + b"y" * 200_000, 431, "head_too_large"),
        (b"no http at all\r\n\r\n", 400, "invalid_http"),
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400, "invalid_http"),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, "invalid_http"),
        (b"POST /v1/search HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "invalid_http"),
        (
            b"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            400,
            "invalid_http",
        ),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n", 400, "invalid_http"),
    ],
)
def test_what_is_no_http_or_too_much_of_it_is_answered(stack: LiveStack, sent: bytes, status: int, code: str) -> None:
    head, _, body = raw(stack.addresses.http, sent).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(body)["code"] == code


def test_connections_that_send_nothing_keep_nobody_waiting(stack: LiveStack) -> None:
    host, _, port = stack.addresses.http.rpartition(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(300)]
    for connection in idle[::2]:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHo")
    try:
        with http_client(stack) as client:
            assert client.get("/readyz").status_code == 200
    finally:
        for connection in idle:
            connection.close()


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(stack: LiveStack) -> None:
    head = b"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\n\r\n"

    answer = raw(stack.addresses.http, head)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"too_large"' in answer


def test_a_token_that_asks_too_often_must_wait_and_others_need_not(limited: HttpPart) -> None:
    with limited.client("one") as client:
        statuses = [client.get("/v1/jobs?limit=1") for _ in range(70)]
        refused = statuses[-1]
        alive = client.get("/healthz")

    assert refused.status_code == 429
    assert refused.json()["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert 60 <= [response.status_code for response in statuses].count(200) + 10 <= 70
    assert alive.status_code == 200


def test_limits_hold_while_redis_is_away(stack: LiveStack, tmp_path: Path) -> None:
    settings = {"TOKEN": "two", "HTTP_REQUESTS_PER_TOKEN": "30", "REDIS_URL": "redis://127.0.0.1:9/0"}
    with running_http(stack, tmp_path, **settings) as part, part.client("two") as client:
        statuses = [client.get("/v1/jobs?limit=1").status_code for _ in range(40)]
        ready = client.get("/readyz")

    assert statuses[:30] == [200] * 30
    assert statuses[-1] == 429
    assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
    assert ready.json()["checks"]["redis"] != "ok"
    assert ready.json()["checks"]["database"] == "ok"
    assert int(ready.headers["retry-after"]) > 0
    assert "limits_are_local" in part.log.read_text()


def test_streams_end_with_an_event_when_the_part_is_stopped(stack: LiveStack, tmp_path: Path) -> None:
    source = write_recruit(tmp_path / "stopped.pkl", 3000, first=940_000)
    with running_http(stack, tmp_path, MAX_STREAMS="1") as part, part.client() as client:
        job = client.post("/v1/jobs", json={"path": str(source), "domain": "recruit"}).json()["job_id"]
        with stack.paused_worker(when=lambda: stack.query("SELECT 1 FROM chunks WHERE job_id = %s", job)):
            with client.stream("GET", f"/v1/jobs/{job}/events") as stream:
                seen = events(stream)
                assert next(seen).event == "progress"
                more = client.get(f"/v1/jobs/{job}/events")
                stopping = threading.Thread(target=part.process.send_signal, args=(signal.SIGTERM,))
                stopping.start()
                last = [event for event in seen if event.comment is None][-1]
                stopping.join()
            code = part.process.wait(timeout=STOP_GRACE_S)

    assert (more.status_code, more.json()["code"]) == (429, "quota_exceeded")
    assert (last.event, last.data["code"]) == ("error", "stopping")
    assert code == 0
    assert "Traceback" not in part.log.read_text()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{part.url}/healthz")


def test_a_watcher_that_goes_leaves_no_work_behind(stack: LiveStack, tmp_path: Path) -> None:
    source = write_recruit(tmp_path / "gone.pkl", 3000, first=950_000)
    process = psutil.Process(stack.addresses.pids["http"])
    with http_client(stack) as client:
        job = client.post("/v1/jobs", json={"path": str(source), "domain": "recruit"}).json()["job_id"]
        before = len(process.net_connections())
        for _ in range(5):
            with client.stream("GET", f"/v1/jobs/{job}/events") as stream:
                next(events(stream))
        eventually(lambda: len(process.net_connections()) <= before + 1, what="the end of the streams")
        client.post(f"/v1/jobs/{job}/cancel")
