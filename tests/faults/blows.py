"""Single blows of a random fault, for the soak: each hits, and is over within seconds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import psutil

from tests.faults.matrix.postgres import TASKS
from tests.faults.matrix.redis import full
from tests.faults.rig import Rig
from tests.support.processes import each, thaw


def kill_child(rig: Rig) -> None:
    """Kill a pool process."""
    rig.a_child().kill()


def kill_worker(rig: Rig) -> None:
    """Kill the worker with its pool."""
    os.killpg(rig.main_of("worker").pid, signal.SIGKILL)


def stop_worker(rig: Rig) -> None:
    """Ask the worker to stop."""
    rig.main_of("worker").terminate()


def freeze_child(rig: Rig) -> None:
    """Freeze a pool process for 2 to 20 s: at times past its lease."""
    child = rig.a_child()
    child.suspend()
    time.sleep(rig.random.uniform(2, 20))
    child.resume()


def kill_gateway(rig: Rig) -> None:
    """Kill the gateway."""
    rig.main_of("gateway").kill()


def kill_beat(rig: Rig) -> None:
    """Kill beat."""
    rig.main_of("beat").kill()


def kill_redis(rig: Rig) -> None:
    """Kill Redis."""
    os.kill(rig.servers.pid("redis"), signal.SIGKILL)


def empty_redis(rig: Rig) -> None:
    """Empty Redis."""
    with rig.redis_client() as client:
        client.flushall()


def fill_redis(rig: Rig) -> None:
    """Make Redis refuse writes for 2 s."""
    with full(rig):
        time.sleep(2)


def freeze_redis(rig: Rig) -> None:
    """Freeze Redis for 1 to 5 s."""
    server = psutil.Process(rig.servers.pid("redis"))
    each([server], psutil.Process.suspend)
    time.sleep(rig.random.uniform(1, 5))
    thaw([server])


def stop_postgres(rig: Rig) -> None:
    """Stop PostgreSQL at once; it recovers."""
    os.kill(rig.servers.pid("postgres"), signal.SIGQUIT)


def terminate_sessions(rig: Rig) -> None:
    """End the workers' sessions."""
    rig.query(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {TASKS}")


def cut_postgres(rig: Rig) -> None:
    """Cut every connection to PostgreSQL."""
    rig.to_postgres.cut()


def cut_redis(rig: Rig) -> None:
    """Cut every connection to Redis."""
    rig.to_redis.cut()


def lose_commit(rig: Rig) -> None:
    """Cut the connection of the next commit, before or after it arrives."""
    rig.to_postgres.commits_to_lose.append(bool(rig.random.randrange(2)))


def silence(rig: Rig) -> None:
    """Pass nothing on for 1 to 5 s, to one of the servers."""
    proxy = rig.random.choice((rig.to_postgres, rig.to_redis))
    proxy.silence()
    time.sleep(rig.random.uniform(1, 5))
    proxy.speak()


BLOWS: dict[str, Callable[[Rig], None]] = {
    blow.__name__.replace("_", "-"): blow
    for blow in (
        kill_child, kill_worker, stop_worker, freeze_child, kill_gateway, kill_beat, kill_redis, empty_redis,
        fill_redis, freeze_redis, stop_postgres, terminate_sessions, cut_postgres, cut_redis, lose_commit, silence,
    )
}  # fmt: skip
