"""A database restored to an older state, under consumers that have more than it, a full queue and a running job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import redis

from pc_worker.errors import InvalidRequest
from pc_worker.gateway.log import read_plan
from pc_worker.services.maintenance.restored import Behind, begin_epochs, domains_behind
from pc_worker.services.seed import seed_domains
from pc_worker.store.log.push_log import read_end
from pc_worker.store.log.push_state import move_checkpoint, read_checkpoint
from tests.integration.gateway.client import Received, stream
from tests.integration.gateway.conftest import Neighbours, config_for, running_gateway, servers
from tests.integration.gateway.consumer import consuming
from tests.integration.gateway.servers import Servers
from tests.integration.restore.copies import Backup, Dump, Files
from tests.model.line import DOMAIN, Line, Row, services_for
from tests.model.readers import Puller, Store
from tests.model.run import fresh_database

__all__ = ["servers"]

ADDRESS = "127.0.0.1:1"
INVALID = grpc.StatusCode.INVALID_ARGUMENT


def rows(*keys: str, number: int) -> list[Row]:
    return [{"id": key, "text": f"{number} of {key}"} for key in keys]


@dataclass
class Scene:
    """A line with a backup: what its consumers had before the restore."""

    line: Line
    gateway: str
    running: str
    head: int
    puller: Puller
    lost_uuid: str
    known_uuid: str
    subscribed: int

    @property
    def texts(self) -> dict[str, str]:
        return self.line.texts()

    def head_now(self) -> int:
        ((head,),) = self.line.query("SELECT head FROM domains WHERE domain = %s", DOMAIN)
        return int(head)


def keys_of(received: Received) -> dict[str, str]:
    store = Store()
    last = 0
    for chunk in received.chunks:
        last = store.take(chunk, after=last)
    return {key: text for (_, key), text in store.texts().items()}


@pytest.fixture
def line(servers: Servers, tmp_path: Path) -> Iterator[Line]:
    redis.Redis.from_url(servers.redis_url).flushall()
    with fresh_database(servers.database_url) as url:
        line = Line(services_for(url, servers.redis_url, tmp_path / "files"), tmp_path / "files", url)
        seed_domains(line.services)
        yield line
        line.database.close()


@pytest.fixture(params=[pytest.param(Dump, id="pg_dump"), pytest.param(Files, id="files")])
async def scene(
    request: pytest.FixtureRequest, servers: Servers, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    """Yield a backup with two rows and half a job; the rest of the job, a change and two rows are lost."""
    monkeypatch.setattr(read_plan, "SMALL_BATCH", 1)
    make: Backup = request.param
    backup = make(servers, line.database_url, tmp_path)
    line.ingest(rows("a", "b", number=1))
    running = line.begin(rows("c", "d", number=2), chunk_size=1)
    line.work(running, 0)
    with line.database.transaction() as cursor:
        end = read_end(cursor, DOMAIN)
        assert end is not None
        move_checkpoint(cursor, DOMAIN, ADDRESS, end.epoch, 3)
    async with running_gateway(config_for(Neighbours(line.database_url, servers.redis_url))) as gateway:
        subscribed = await acknowledged(gateway)
        line.database.close()
        await asyncio.to_thread(backup.take)
        line.finish(running)
        line.ingest(rows("a", "lost", "lost too", number=3))
        puller = Puller(gateway, by_uuid=False)
        await puller.pull(300)
        lost, known, head = str(line.row_id("lost")), str(line.row_id("b")), puller.position
        line.database.close()
        await asyncio.to_thread(backup.restore)
        yield Scene(line, gateway, running, head, puller, lost, known, subscribed)


async def acknowledged(gateway: str) -> int:
    async with consuming(gateway, DOMAIN) as consumer:
        end = await consumer.until("end_of_log")
        await consumer.ack(end.position)
        await consumer.close()
    return int(end.position)


async def opening(gateway: str, *, after_position: int) -> grpc.StatusCode:
    async with consuming(gateway, DOMAIN, after_position=after_position) as consumer:
        return await consumer.ended()


async def test_no_consumer_gets_lost_rows_or_skips_new_ones(scene: Scene) -> None:
    await consumers_after_the_head_get_an_error(scene)
    await positions_of_lost_rows_are_used_again(scene)
    begun = {epoch.domain: epoch for epoch in begin_epochs(scene.line.services, None, beyond=None)}
    assert (begun[DOMAIN].former_head, begun[DOMAIN].rows) == (4, 4)
    assert domains_behind(scene.line.services) == []
    assert scene.line.finish(scene.running).rows_written == 2, "the job that ran goes on where it was"
    await every_consumer_gets_every_row(scene)


async def consumers_after_the_head_get_an_error(scene: Scene) -> None:
    assert (scene.head_now(), scene.head, scene.subscribed) == (3, 7, 3)
    assert (await stream(scene.gateway, domain=DOMAIN, after_position=scene.head)).code == INVALID
    assert await opening(scene.gateway, after_position=scene.head) == INVALID
    unknown = await stream(scene.gateway, domain=DOMAIN, last_processed_uuid=scene.lost_uuid)
    assert unknown.code == grpc.StatusCode.NOT_FOUND
    assert domains_behind(scene.line.services) == [Behind(DOMAIN, 3, 5)]


async def positions_of_lost_rows_are_used_again(scene: Scene) -> None:
    scene.line.ingest(rows("new", number=4))
    assert scene.texts == {"a": "1 of a", "b": "1 of b", "c": "2 of c", "new": "4 of new"}
    assert keys_of(await stream(scene.gateway, domain=DOMAIN)) == scene.texts


async def every_consumer_gets_every_row(scene: Scene) -> None:
    starts: list[dict[str, Any]] = [{}, {"after_position": scene.head}, {"last_processed_uuid": scene.known_uuid}]
    assert sorted(scene.texts) == ["a", "b", "c", "d", "new"]
    for start in starts:
        assert keys_of(await stream(scene.gateway, domain=DOMAIN, **start)) == scene.texts, start
    async with consuming(scene.gateway, DOMAIN) as consumer:
        opened = await consumer.until("opened")
        end = await consumer.until("end_of_log")
        assert (opened.position, end.position) == (scene.subscribed, scene.head_now())
        assert len(consumer.rows) == 5
    with scene.line.database.transaction() as cursor:
        now = read_end(cursor, DOMAIN)
        assert now is not None
        assert read_checkpoint(cursor, DOMAIN, ADDRESS, now.epoch) == 0, "a batch server is fed from the start"


async def test_the_new_epoch_begins_after_the_given_position(servers: Servers, line: Line) -> None:
    line.ingest(rows("a", "b", number=1))

    (epoch,) = begin_epochs(line.services, DOMAIN, beyond=7)

    assert (epoch.base, epoch.former_head) == (7, 2)
    async with running_gateway(config_for(Neighbours(line.database_url, servers.redis_url))) as gateway:
        received = await stream(gateway, domain=DOMAIN, after_position=7)
    assert keys_of(received) == line.texts()
    assert [row.position for row in received.rows] == [8, 9]
    with pytest.raises(InvalidRequest, match="beyond 7"):
        begin_epochs(line.services, DOMAIN, beyond=7)


async def test_a_consumer_that_stayed_connected_gets_an_error(servers: Servers, line: Line) -> None:
    line.ingest(rows("a", "b", number=1))
    async with (
        running_gateway(config_for(Neighbours(line.database_url, servers.redis_url))) as gateway,
        consuming(gateway, DOMAIN) as consumer,
    ):
        await consumer.until("end_of_log")
        line.query("UPDATE domains SET head = 1 WHERE domain = %s RETURNING pg_notify('pcw_log', domain)", DOMAIN)
        assert await consumer.ended() == INVALID
        assert await consumer.error() == "beyond_head"
