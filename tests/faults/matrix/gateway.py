"""The gateway killed in the middle of streams, clients that freeze or crawl, and bad entries in its queue."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from typing import Any

import grpc
import psutil
import psycopg2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pc_worker.hot_buffer.entry import HEADER, front_bytes
from pc_worker.hot_buffer.keys import ring_keys
from pc_worker.hot_buffer.seal import SEAL_BYTES, make_seal
from pc_worker.settings import PROJECT
from tests.faults.consumer import Reading, read_all
from tests.faults.drill import Drill, Fault
from tests.faults.load import DOMAIN
from tests.faults.rig import Rig, Work
from tests.support.waiting import eventually

CLIENTS = 10
#: A stream may hold a few megabytes; ten that do not read, ten times that.
MAX_GROWTH = 64e6
SILENT_CALLS = 2_000
END_GATEWAYS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pcw_gateway%'"


def settled_log(drill: Drill) -> None:
    """Bring rows into the log, to have something to stream."""
    work = drill.rig.begin(rows=900, chunk_size=50)
    drill.note(drill.rig.finish(work))


class Reader(threading.Thread):
    """Reads the whole log once, during the faults."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(name="reader", daemon=True)
        self._rig = rig
        self.reading: Reading | None = None

    def run(self) -> None:
        """Read."""
        self.reading = read_all(self._rig.gateway)


def interrupted(drill: Drill, number: int | None) -> None:
    """Read everything while the gateway is ended by a signal, or at a failpoint that is armed."""
    rig = drill.rig
    main = rig.main_of("gateway")
    known = len(rig.points.fired())
    reader = Reader(rig)
    reader.start()
    if number is not None:
        time.sleep(rig.random.uniform(0.02, 0.2))
        main.send_signal(number)
    since = time.monotonic()
    reader.join(120)
    drill.moved_s.append(time.monotonic() - since)
    drill.injected += 1 if number is not None else len(rig.points.fired()) - known
    found = reader.reading
    drill.expect(found is not None, "a reading did not end")
    if found is not None:
        missing = rig.truth.missing(found.texts)
        drill.expect(not missing, f"a reading misses {len(missing)} rows")
        drill.expect(not found.disordered, f"a reading has {found.disordered} rows out of order")


def killed(drill: Drill) -> None:
    """Send SIGKILL in the middle of streams; clients reconnect after their last position."""
    settled_log(drill)
    while drill.injected < drill.times:
        interrupted(drill, signal.SIGKILL)
    drill.check()


def asked_to_stop(drill: Drill) -> None:
    """Send SIGTERM in the middle of streams."""
    settled_log(drill)
    while drill.injected < drill.times:
        interrupted(drill, signal.SIGTERM)
    drill.check()


def at_failpoints(drill: Drill) -> None:
    """Crash at each await of the gateway in turn."""
    settled_log(drill)
    drill.check()
    points = drill.rig.points.seen("gateway", ("before", "after"))
    drill.rig.random.shuffle(points)
    for point in points:
        if drill.injected >= drill.times:
            break
        drill.rig.points.arm(point, "kill")
        interrupted(drill, None)
        drill.rig.points.disarm()
    drill.check()


def damaged_queue(drill: Drill) -> None:
    """Turn bits of entries in the queue: the gateway must notice and read the rows from the log."""

    def flipped(entry: bytes, _: int) -> bytes:
        value = bytearray(entry)
        value[drill.rig.random.randrange(len(value))] ^= 1 << drill.rig.random.randrange(8)
        return bytes(value)

    _with_spoilt_entries(drill, flipped)


def forged_queue(drill: Drill) -> None:
    """Put made-up rows into entries, as one does who can write to Redis and knows their form, but not the key."""
    odd: dict[Any, float] = {"no number": 1, "": 7, b"\xff": 30}
    _with_spoilt_entries(drill, lambda entry, number: _forged(entry, arm=number % 3 == 0), odd_members=odd)


def _with_spoilt_entries(
    drill: Drill, spoil: Callable[[bytes, int], bytes], *, odd_members: dict[Any, float] | None = None
) -> None:
    rig = drill.rig
    while drill.injected < drill.times:
        settled_log(drill)
        since = time.monotonic()
        with rig.redis_client() as client:
            entries = _entries(rig)
            chosen = rig.random.sample(sorted(entries), k=min(10, len(entries)))
            for number, field in enumerate(chosen):
                client.hset(_key(rig), field, spoil(entries[field], number))
            if odd_members:
                client.zadd(ring_keys(DOMAIN)[1], odd_members)
        drill.injected += len(chosen)
        drill.check()
        drill.settled_s.append(time.monotonic() - since)


def _forged(entry: bytes, *, arm: bool) -> bytes:
    front = front_bytes(entry[: HEADER.size], len(entry)) or 0
    head, message = bytearray(entry[:front]), entry[front:-SEAL_BYTES].replace(b"Engineer", b"Impostor")
    if arm:
        head[HEADER.size - 3] = 77  # an arm that there is not
    return bytes(head) + message + make_seal(bytes(32), bytes(head), message)


def _key(rig: Rig) -> str:
    with rig.redis_client() as client:
        hashes = [key.decode() for key in client.scan_iter(f"pcw:*{DOMAIN}*") if client.type(key) == b"hash"]
    return str(max(hashes, key=lambda key: _size(rig, key)))


def _size(rig: Rig, key: str) -> int:
    with rig.redis_client() as client:
        return int(client.memory_usage(key) or 0)


def _entries(rig: Rig) -> dict[bytes, bytes]:
    with rig.redis_client() as client:
        return dict(client.hgetall(_key(rig)))


def standing_clients(drill: Drill) -> None:
    """Freeze ten clients in the middle of their streams: others are served, and memory stays."""
    clients_at(drill, pause_s=0, freeze=True)


def crawling_clients(drill: Drill) -> None:
    """Let ten clients take one message a second."""
    clients_at(drill, pause_s=1, freeze=False)


def clients_at(drill: Drill, *, pause_s: float, freeze: bool) -> None:
    """Run ten clients, hurt them, and read at the same time."""
    rig = drill.rig
    settled_log(drill)
    drill.check()
    main = rig.main_of("gateway")
    before = main.memory_info().rss
    with ExitStack() as held:
        command = [sys.executable, "-m", "tests.faults.crawler", rig.gateway, DOMAIN, str(pause_s)]
        clients = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT) for _ in range(CLIENTS)]
        for client in clients:
            held.callback(_end, client)
        for client in clients:
            assert client.stdout is not None
            assert client.stdout.readline(), "the client ended without a message"
            if freeze:
                client.send_signal(signal.SIGSTOP)
            drill.injected += 1
        since = time.monotonic()
        drill.check()
        drill.settled_s.append(time.monotonic() - since)
        grown = main.memory_info().rss - before
        drill.notes.append(f"gateway +{grown / 1e6:.0f} MB with {CLIENTS} of them")
        drill.expect(grown < MAX_GROWTH, f"the gateway grew by {grown / 1e6:.0f} MB")
    eventually(lambda: main.is_running(), what="the gateway")
    drill.check()


def silent_crowd(drill: Drill) -> None:
    """Open thousands of calls that never say a word: others are served, and memory stays."""
    rig = drill.rig
    settled_log(drill)
    drill.check()
    main = rig.main_of("gateway")
    before = main.memory_info().rss
    while drill.injected < drill.times:
        with ExitStack() as held:
            command = [sys.executable, "-m", "tests.faults.silent", rig.gateway, str(SILENT_CALLS)]
            crowd = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT)
            held.callback(_end, crowd)
            assert crowd.stdout is not None
            assert crowd.stdout.readline(), "the crowd ended before it was there"
            drill.injected += 1
            since = time.monotonic()
            drill.check()
            drill.settled_s.append(time.monotonic() - since)
    grown = main.memory_info().rss - before
    drill.notes.append(f"gateway +{grown / 1e6:.0f} MB after {SILENT_CALLS} silent calls")
    drill.expect(grown < MAX_GROWTH, f"the gateway grew by {grown / 1e6:.0f} MB")
    drill.expect(main.is_running(), "the gateway has ended")


def closed_database(drill: Drill) -> None:
    """Make the database take no new connection, and end those of the gateway: it comes back with the database."""
    rig = drill.rig
    server, _, name = rig.servers.database_url.rpartition("/")

    def inject(_: Work) -> None:
        with closing(psycopg2.connect(f"{server}/template1")) as elsewhere:
            elsewhere.autocommit = True
            with elsewhere.cursor() as cursor:
                cursor.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
                try:
                    cursor.execute(END_GATEWAYS)
                    eventually(lambda: not _serves(rig), what="a gateway that says it does not serve")
                finally:
                    cursor.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
        eventually(lambda: _serves(rig), what="a gateway that serves again")

    drill.under_load(inject, rows=300)


def _serves(rig: Rig) -> bool:
    with grpc.insecure_channel(rig.gateway) as channel:
        try:
            reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        except grpc.RpcError:
            return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


def _end(client: subprocess.Popen[bytes]) -> None:
    with suppress(psutil.NoSuchProcess):
        client.kill()
    client.wait()
    if client.stdout is not None:
        client.stdout.close()


FAULTS = (
    Fault(name="gateway-kill", matrix="16, 22", what="gateway SIGKILL in the middle of streams", times=8, run=killed),
    Fault(
        name="gateway-term", matrix="22", what="gateway SIGTERM in the middle of streams", times=3, run=asked_to_stop
    ),
    Fault(
        name="gateway-awaits", matrix="22", what="gateway crashes at each of its awaits", times=15, run=at_failpoints
    ),
    Fault(name="queue-bits", matrix="31", what="bits turned in queue entries", times=20, run=damaged_queue),
    Fault(name="queue-forged", matrix="31", what="made-up rows in queue entries", times=20, run=forged_queue),
    Fault(
        name="frozen-clients",
        matrix="24",
        what="clients frozen in the middle of a stream",
        times=10,
        run=standing_clients,
    ),
    Fault(
        name="slow-clients", matrix="23", what="clients that take a message a second", times=10, run=crawling_clients
    ),
    Fault(name="silent-calls", matrix="24", what="thousands of calls that never say a word", times=3, run=silent_crowd),
    Fault(
        name="pg-closed",
        matrix="17",
        what="the database takes no connection, the gateway's end",
        times=3,
        run=closed_database,
    ),
)
