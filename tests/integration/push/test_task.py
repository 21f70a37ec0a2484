"""The push as a task of a real worker: only where batch servers are named, on until everything is there."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import celery
import pytest

from pc_worker.embedded import EmbeddedServers
from tests.integration.push.domain_log import DomainLog, assert_stored
from tests.support.batch_server import StockBatchServer
from tests.support.stack import environment
from tests.support.waiting import eventually

TASK = "pc_worker.push_to_batch_server"


@contextmanager
def worker(
    home: Path, embedded_servers: EmbeddedServers, database_url: str, *, servers: str
) -> Iterator[celery.Celery]:
    """Run a worker of the delivery queue alone; yield a client of its broker that knows only task names."""
    assert embedded_servers.redis_url is not None
    env = environment(
        home,
        PC_WORKER_DATABASE_URL=database_url,
        PC_WORKER_REDIS_URL=embedded_servers.redis_url,
        PC_WORKER_DATA_ROOTS=str(home),
        PC_WORKER_BATCH_SERVERS=servers,
        PC_WORKER_PUSH_S="1",
    )
    arguments = ["worker", "--pool=solo", "--queues=pcw.delivery", "--without-gossip", "--without-mingle"]
    with (home / "worker.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "celery", "-A", "tasks", *arguments], env=env, stderr=log)
    client = celery.Celery(broker=embedded_servers.redis_url, backend=embedded_servers.redis_url, set_as_current=False)
    try:
        yield client
    finally:
        process.terminate()
        process.wait(timeout=60)
        client.close()


def result_of(client: celery.Celery, **arguments: Any) -> Any:
    task = client.send_task(TASK, kwargs=arguments, queue="pcw.delivery")
    return task.get(timeout=120)


@pytest.fixture
def slow_server(server: StockBatchServer) -> StockBatchServer:
    """Return one that takes as long over a call as a push may run before it hands over."""

    def takes_its_time(_: object) -> bool:
        time.sleep(0.002)
        return False

    server.tables.rejects = takes_its_time
    return server


def test_a_push_goes_on_in_further_messages_until_everything_is_there(
    tmp_path: Path,
    embedded_servers: EmbeddedServers,
    database_url: str,
    slow_server: StockBatchServer,
    new_log: Callable[..., DomainLog],
) -> None:
    log = new_log("skill_dic")
    for first in range(0, 1500, 300):
        log.write(range(first, first + 300))

    with worker(tmp_path, embedded_servers, database_url, servers=slow_server.address) as client:
        first_run = result_of(client, domain="skill_dic")
        eventually(lambda: len(slow_server.tables.skill_embedding_dic) == 1500, what="the rest")
        assert result_of(client, domain="skill_dic")["position"] == 1500

    assert (first_run["state"], first_run["head"]) == ("more", 1500)
    assert_stored(slow_server.tables, log)


def test_without_allowed_servers_push_is_off(
    tmp_path: Path, embedded_servers: EmbeddedServers, database_url: str, server: StockBatchServer
) -> None:
    with (
        worker(tmp_path, embedded_servers, database_url, servers="") as client,
        pytest.raises(Exception, match="push is off"),
    ):
        result_of(client, domain="recruit", address=server.address)


@pytest.mark.parametrize(("servers", "pushes"), [("127.0.0.1:1", 3), ("", 0)])
def test_beat_pushes_every_stock_domain_only_where_a_server_is_named(tmp_path: Path, servers: str, pushes: int) -> None:
    env = environment(
        tmp_path,
        PC_WORKER_DATABASE_URL="postgresql://nowhere",
        PC_WORKER_REDIS_URL="redis://nowhere",
        PC_WORKER_DATA_ROOTS=str(tmp_path),
        PC_WORKER_BATCH_SERVERS=servers,
    )
    script = f"import celeryconfig; print(sum(e['task'] == '{TASK}' for e in celeryconfig.beat_schedule.values()))"

    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)

    assert int(done.stdout) == pushes
