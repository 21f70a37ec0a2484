"""Redis killed, emptied, filled, frozen, cut short, and messages lost or doubled."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import redis
from celery import Celery

from pc_worker.hot_buffer.keys import ring_keys
from tests.faults.drill import Drill, Fault
from tests.faults.load import DOMAIN
from tests.faults.rig import Rig, Work
from tests.support.processes import each, family_of, runs, thaw
from tests.support.waiting import eventually


def killed(drill: Drill) -> None:
    """Kill the server; it is started again on its append-only file."""

    def inject(_: Work) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(drill.rig.servers.pid("redis"), signal.SIGKILL)

    drill.under_load(inject, rows=400)


def truncated(drill: Drill) -> None:
    """Kill it and cut the end off its append-only file, as a loss of power does."""

    def inject(_: Work) -> None:
        rig = drill.rig
        server, keeper = rig.servers.pid("redis"), rig.servers.process
        assert keeper is not None
        keeper.send_signal(signal.SIGSTOP)  # so that the supervisor does not restart it too soon
        os.kill(server, signal.SIGKILL)
        eventually(lambda: not any(map(runs, family_of(server)[:1])), what="its end")
        newest = max(_append_only(rig), key=lambda path: path.stat().st_mtime)
        size = newest.stat().st_size
        os.truncate(newest, max(0, size - rig.random.randrange(1, max(2, min(size, 20_000)))))
        keeper.send_signal(signal.SIGCONT)

    drill.under_load(inject, most_a_job=2)


def _append_only(rig: Rig) -> list[Path]:
    return list((rig.servers.home / "valkey" / "appendonlydir").glob("*.incr.aof"))


def emptied(drill: Drill) -> None:
    """Run FLUSHALL."""

    def inject(_: Work) -> None:
        with drill.rig.redis_client() as client:
            client.flushall()

    drill.under_load(inject, most_a_job=2)


def messages_lost(drill: Drill) -> None:
    """Delete what waits in the queues and what is unacknowledged."""

    def inject(_: Work) -> None:
        with drill.rig.redis_client() as client:
            client.delete(*client.keys("pcw.embed*"), *client.keys("pcw.split*"), "unacked", "unacked_index")

    drill.under_load(inject, most_a_job=3)


def messages_doubled(drill: Drill) -> None:
    """Send every message of a running job a second time."""

    def inject(work: Work) -> int:
        with Celery(broker=drill.rig.servers.redis_url, set_as_current=False) as app:
            kwargs = {"path": str(work.source), "domain": "recruit", "chunk_size": 5, "job_id": work.job_id}
            app.send_task("pc_worker.ingest_file", kwargs=kwargs, queue="pcw.split")
            for number in range(20):
                kwargs = {"job_id": work.job_id, "chunk_no": number}
                app.send_task("pc_worker.process_chunk", kwargs=kwargs, queue="pcw.embed")
        return 21

    drill.under_load(inject, rows=300)


def foreign_keys(drill: Drill) -> None:
    """Replace the keys of a hot buffer by other types, one by one; chunks continue, and the next push repairs it."""
    rig, wrong = drill.rig, ("list", "text", "set", "odd members", "odd bytes")

    def inject(_: Work) -> None:
        key, kind = rig.random.choice(ring_keys(DOMAIN)), rig.random.choice(wrong)
        # In one transaction: between two commands a worker may push, which makes the key again as it should be.
        with rig.redis_client() as client, client.pipeline(transaction=True) as together:
            together.delete(key)
            match kind:
                case "list":
                    together.rpush(key, "1", "2")
                case "text":
                    together.set(key, "nonsense")
                case "set":
                    together.sadd(key, "1")
                case "odd members":
                    together.zadd(key, {"no number": 1, "nan": 2})
                case _:
                    together.hset(key, mapping={"epoch": "none", "bytes": "many"})
            together.execute()

    drill.under_load(inject, rows=400)
    with rig.redis_client() as client:
        kinds = [client.type(key) for key in ring_keys(DOMAIN)]
        drill.expect(kinds == [b"hash", b"zset", b"hash"], f"the queue's keys are {kinds}")


@contextlib.contextmanager
def full(rig: Rig) -> Iterator[None]:
    """Make the server reject writes for lack of memory."""
    with rig.redis_client() as client:
        client.config_set("maxmemory", "1mb")
        try:
            yield
        finally:
            eventually(lambda: _relieved(rig), what="Redis with memory again")


def _relieved(rig: Rig) -> bool:
    try:
        with rig.redis_client() as client:
            return bool(client.config_set("maxmemory", "0"))
    except redis.RedisError:
        return False


def out_of_memory(drill: Drill) -> None:
    """Let it be full for 5 s."""

    def inject(_: Work) -> None:
        with full(drill.rig):
            time.sleep(5)

    drill.under_load(inject, rows=400)


def frozen(drill: Drill) -> None:
    """Freeze it for 3 to 12 s."""

    def inject(_: Work) -> None:
        server = psutil.Process(drill.rig.servers.pid("redis"))
        each([server], psutil.Process.suspend)
        time.sleep(drill.rig.random.uniform(3, 12))
        thaw([server])

    drill.under_load(inject, rows=400)


def clients_killed(drill: Drill) -> None:
    """Run CLIENT KILL for every connection."""

    def inject(_: Work) -> None:
        with drill.rig.redis_client() as client:
            client.client_kill_filter(_type="normal", skipme=True)

    drill.under_load(inject, rows=400)


def disk_full(drill: Drill) -> None:
    """Fill the volume under its append-only file for 4 s."""

    def inject(_: Work) -> None:
        with filled(drill.rig.mounts["redis"]):
            time.sleep(4)

    drill.under_load(inject, rows=400, most_a_job=1)


def replica(drill: Drill) -> None:
    """Make it a replica, which takes no writes, and promote it after 3 s."""

    def inject(_: Work) -> None:
        with drill.rig.redis_client() as client:
            client.replicaof("127.0.0.1", 1)
            try:
                time.sleep(3)
            finally:
                client.replicaof("no", "one")

    drill.under_load(inject, rows=400)


@contextlib.contextmanager
def filled(volume: Path) -> Iterator[None]:
    """Leave no byte free on a small volume."""
    ballast = volume / "ballast"
    with ballast.open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 20))
            file.flush()
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        ballast.unlink()


FAULTS = (
    Fault(name="redis-kill", matrix="10", what="Redis SIGKILL and restart", times=8, run=killed),
    Fault(name="redis-aof", matrix="11", what="Redis loses the end of its append-only file", times=4, run=truncated),
    Fault(name="redis-flush", matrix="12", what="FLUSHALL", times=5, run=emptied),
    Fault(
        name="messages-lost", matrix="9", what="queued and unacknowledged messages deleted", times=5, run=messages_lost
    ),
    Fault(name="messages-twice", matrix="15", what="messages sent twice", times=42, run=messages_doubled),
    Fault(name="queue-types", matrix="31", what="other types at a queue's keys", times=12, run=foreign_keys),
    Fault(name="redis-oom", matrix="13", what="Redis at maxmemory for 5 s", times=2, run=out_of_memory),
    Fault(name="redis-freeze", matrix="14", what="Redis frozen for 3 to 12 s", times=2, run=frozen),
    Fault(name="redis-clients", matrix="15", what="CLIENT KILL of all connections", times=15, run=clients_killed),
    Fault(name="redis-replica", matrix="10", what="Redis a replica for 3 s, promoted", times=2, run=replica),
    Fault(name="redis-disk", matrix="20", what="disk of Redis full for 4 s", times=2, run=disk_full, volume="redis"),
)
