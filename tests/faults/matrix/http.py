"""Uploads that are broken off, watchers whose server is killed, and requests while the servers are away."""

from __future__ import annotations

import json
import resource
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx

from tests.faults.drill import Drill, Fault
from tests.faults.load import DOMAIN, write_source
from tests.faults.rig import Rig, Work
from tests.support.http_part import events
from tests.support.waiting import eventually

ROWS = 100
#: Bytes that a broken upload announces, and those of them that it sends.
ANNOUNCED, SENT = 5_000_000, 2_000_000
SLOW_CLIENTS = 8
#: While a server is away a request may fail with these statuses only.
AWAY = (429, 503)
UPLOADS = "SELECT count(*) FROM jobs WHERE domain = %(d)s AND source LIKE %(p)s"


def client(rig: Rig) -> httpx.Client:
    """Return a client of the part as it runs now."""
    return httpx.Client(base_url=f"http://{rig.stack.addresses.http}", timeout=60)


def serves(rig: Rig) -> bool:
    """Return whether the part is able to serve."""
    with suppress(httpx.TransportError, AssertionError), client(rig) as http:
        return http.get("/readyz").status_code == 200
    return False


def upload(rig: Rig) -> Work:
    """Upload a source of a new generation; it is accepted, and so it must be written."""
    rig.generation += 1
    first = rig.random.randrange(1000)
    numbers = range(first, first + ROWS)
    path = rig.folder / "sources" / f"{rig.generation}.pkl"
    write_source(path, numbers, rig.generation)
    rig.truth.doubt(numbers, rig.generation)
    with client(rig) as http:
        answer = http.post("/v1/files", params={"domain": DOMAIN}, content=path.read_bytes())
    assert answer.status_code == 202, answer.text
    return Work(answer.json()["job_id"], numbers, rig.generation, path)


def begin_upload(rig: Rig) -> socket.socket:
    """Send a part of an upload and return its connection."""
    host, _, port = rig.stack.addresses.http.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    head = f"POST /v1/files?domain={DOMAIN} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {ANNOUNCED}\r\n\r\n"
    connection.sendall(head.encode() + bytes(SENT))
    eventually(lambda: any(path.stat().st_size for path in left_over(rig)), what="a part of the upload on the disk")
    return connection


def left_over(rig: Rig) -> list[Path]:
    """Return the files of uploads that are there."""
    folder = rig.folder / "home" / "uploads"
    return list(folder.iterdir()) if folder.is_dir() else []


def broken_off(drill: Drill) -> None:
    """Close the connection in the middle of an upload."""
    begin_upload(drill.rig).close()


def killed_within(drill: Drill) -> None:
    """Kill the part in the middle of an upload; it is started again."""
    with begin_upload(drill.rig):
        kill(drill.rig)


def kill(rig: Rig) -> None:
    """Kill the part and wait for the next one."""
    rig.main_of("http").send_signal(signal.SIGKILL)
    eventually(lambda: not serves(rig), what="its end")
    eventually(lambda: serves(rig), within_s=90, what="another HTTP part")


def disk_full(drill: Drill) -> None:
    """Let the part write no file beyond a size, as a full disk does."""
    process = drill.rig.main_of("http")
    before = process.rlimit(resource.RLIMIT_FSIZE)
    process.rlimit(resource.RLIMIT_FSIZE, (SENT // 2, before[1]))
    try:
        with client(drill.rig) as http:
            answer = http.post("/v1/files", params={"domain": DOMAIN}, content=bytes(SENT))
    finally:
        process.rlimit(resource.RLIMIT_FSIZE, before)
    drill.expect(answer.status_code in AWAY, f"an upload to a full disk is answered with {answer.status_code}")


def slow(drill: Drill) -> None:
    """Hold uploads that come no further: others are served."""
    with ExitStack() as held:
        for _ in range(SLOW_CLIENTS):
            held.enter_context(begin_upload(drill.rig))
        drill.expect(serves(drill.rig), "slow uploads keep others waiting")
        with client(drill.rig) as http:
            searched = http.post("/v1/search", json={"query": "engineer", "domain": DOMAIN, "mode": "text"})
        drill.expect(searched.status_code == 200, f"a search beside slow uploads is answered with {searched.text}")


WAYS: tuple[Callable[[Drill], None], ...] = (broken_off, killed_within, disk_full, slow)


def uploads(drill: Drill) -> None:
    """Break uploads in every way, next to one that was accepted: that one is written, of the others nothing stays."""
    rig, whole = drill.rig, 0
    wanted = {"d": DOMAIN, "p": f"{rig.folder / 'home' / 'uploads'}/%"}
    ((before,),) = rig.query(UPLOADS, wanted)
    while drill.injected < drill.times:
        work = upload(rig)
        whole += 1
        since = time.monotonic()
        WAYS[drill.injected % len(WAYS)](drill)
        drill.injected += 1
        drill.settle(work, since=since)
        eventually(lambda: not left_over(rig), within_s=60, what="an empty folder of uploads")
    ((jobs,),) = rig.query(UPLOADS, wanted)
    drill.expect(jobs - before == whole, f"{whole} uploads were accepted, and there are {jobs - before} jobs of them")


def watched(drill: Drill) -> None:
    """Kill the part while a client follows a job: the client connects again, and sees the end that the ledger has."""

    def inject(work: Work) -> None:
        with client(drill.rig) as http, http.stream("GET", f"/v1/jobs/{work.job_id}/events") as stream:
            seen = events(stream)
            next(seen)
            kill(drill.rig)
            with suppress(httpx.TransportError, json.JSONDecodeError):
                list(seen)

    def follow_to_the_end(work: Work) -> None:
        with client(drill.rig) as http, http.stream("GET", f"/v1/jobs/{work.job_id}/events") as stream:
            last = [event for event in events(stream) if event.comment is None][-1]
        drill.expect(last.data["state"] == "completed", f"the watcher's last event is {last}")

    while drill.injected < drill.times:
        work = drill.rig.begin(rows=min(300, drill.most_rows), chunk_size=5)
        since = time.monotonic()
        inject(work)
        drill.injected += 1
        follow_to_the_end(work)
        drill.settle(work, since=since)


def servers_away(drill: Drill) -> None:
    """Cut and silence PostgreSQL and Redis in turn while clients ask: 200, or 503 with a time; never another error."""
    rig = drill.rig

    def inject(_: Work) -> None:
        proxy = (rig.to_postgres, rig.to_redis)[drill.injected % 2]
        proxy.silence()
        proxy.cut()
        try:
            answers = [ask(rig) for _ in range(4)]
        finally:
            proxy.speak()
        for answer in answers:
            told = answer.status_code == 200 or (answer.status_code in AWAY and "retry-after" in answer.headers)
            drill.expect(told, f"a request while a server is away: {answer.status_code} {answer.text[:200]}")
        eventually(lambda: serves(rig), within_s=60, what="an HTTP part that serves again")
        drill.expect(ask(rig).status_code == 200, "a search after the servers came back fails")

    drill.under_load(inject, rows=300)


def ask(rig: Rig) -> httpx.Response:
    """Search by text."""
    with client(rig) as http:
        return http.post("/v1/search", json={"query": "engineer", "domain": DOMAIN, "mode": "text", "k": 1})


FAULTS = (
    Fault(
        name="http-uploads",
        matrix="20, 22",
        what="uploads broken off, killed, slow, on a full disk",
        times=8,
        run=uploads,
    ),
    Fault(name="http-kill", matrix="22", what="HTTP part SIGKILL while clients follow jobs", times=4, run=watched),
    Fault(name="http-away", matrix="14, 17", what="PostgreSQL or Redis away from HTTP", times=6, run=servers_away),
)
