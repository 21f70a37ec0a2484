"""A broker at maxmemory rejects writes: what was taken from a queue is still delivered, or kept as a dead message."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import kombu.transport
import pytest
import redis

from pc_worker.embedded import start_servers
from pc_worker.hot_buffer import count_dead, count_held, dead_messages, held_messages, hold, newest_dead, release
from tasks import broker as transport
from tests.integration.tasks.test_reception import as_bytes, envelope
from tests.support.waiting import eventually

QUEUE = "celery"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    servers = start_servers(tmp_path_factory.mktemp("full"), need_postgres=False)
    try:
        assert servers.redis_url is not None
        yield servers.redis_url
    finally:
        servers.stop()


@pytest.fixture
def client(address: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(address) as client:
        client.flushdb()
        yield client
        client.config_set("maxmemory", "0")


class Reader:
    """A consumer of one queue, as a worker is."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.received: list[Any] = []
        self._open()

    def _open(self) -> None:
        self.connection = kombu.Connection(self._address)
        channel = self.connection.channel()
        kombu.Consumer(channel, [kombu.Queue(QUEUE)], callbacks=[self._receive]).consume()

    def _receive(self, _: Any, message: Any) -> None:
        self.received.append(message)

    def read(self) -> None:
        """Read once; after an error, connect again, as a worker does."""
        try:
            with suppress(TimeoutError):
                self.connection.drain_events(timeout=0.2)
        except redis.RedisError:
            self.connection.close()
            self._open()


@pytest.fixture
def reader(address: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    monkeypatch.setattr(kombu.transport, "_transport_cache", {})  # an earlier test may have used kombu's own
    monkeypatch.setitem(kombu.transport.TRANSPORT_ALIASES, "redis", transport.ALIASES["redis"])
    reader = Reader(address)
    yield reader
    client.config_set("maxmemory", "0")
    reader.connection.close()


def fill(client: redis.Redis) -> None:
    """Make the server reject every command that needs memory."""
    client.config_set("maxmemory", "1")
    with pytest.raises(redis.OutOfMemoryError):
        client.set("more", "x")


def test_an_invalid_message_is_kept(client: redis.Redis, reader: Reader) -> None:
    client.lpush(QUEUE, b"no message")
    fill(client)

    def taken() -> bool:
        reader.read()
        return client.llen(QUEUE) == 0

    eventually(taken, what="the message taken")
    assert [dead.beginning for dead in newest_dead(client)] == ["no message"]
    assert count_dead(client).seen == 1


def test_a_valid_message_is_delivered_and_recorded(client: redis.Redis, reader: Reader) -> None:
    client.lpush(QUEUE, as_bytes(envelope()))
    fill(client)

    def received() -> bool:
        reader.read()
        return bool(reader.received)

    eventually(received, what="the message")
    assert client.hlen("unacked") == client.zcard("unacked_index") == 1
    reader.received[0].ack()
    assert client.hlen("unacked") == client.llen(QUEUE) == 0


def test_a_message_with_an_eta_is_held(client: redis.Redis) -> None:
    fill(client)

    due = time.time() + 60
    hold(client, "text", queue=QUEUE, due=due)

    assert count_held(client) == 1
    assert release(client, now=due) is None
    assert client.lrange(QUEUE, 0, -1) == [b"text"]


def test_held_messages_that_no_queue_accepts_become_dead_messages(client: redis.Redis) -> None:
    client.set("odd", "no list")
    hold(client, "message", queue="odd", due=1.0)
    client.zadd(held_messages.KEY, {b"no line break \xff": 1.0})
    hold(client, "good", queue=QUEUE, due=2.0)
    hold(client, "later", queue=QUEUE, due=9.0)
    fill(client)

    assert release(client, now=5.0) == 9.0

    assert client.lrange(QUEUE, 0, -1) == [b"good"]
    assert count_held(client) == 1
    dead = {(each.queue, each.beginning) for each in newest_dead(client)}
    assert dead == {("odd", "message"), (held_messages.KEY, "no line break \\xff")}


def test_foreign_keys_in_the_place_of_the_dead_messages_do_not_lose_one(client: redis.Redis, reader: Reader) -> None:
    client.set(dead_messages.KEY, "no list")
    client.set(dead_messages.SEEN_KEY, "no number")
    client.lpush(QUEUE, b"no message")

    def taken() -> bool:
        reader.read()
        return client.llen(QUEUE) == 0

    eventually(taken, what="the message taken")
    assert [dead.beginning for dead in newest_dead(client)] == ["no message"]
    assert client.get(f"{dead_messages.KEY}:{dead_messages.NO_LIST}") == b"no list"


@pytest.mark.parametrize("message", [b"no message", as_bytes(envelope())], ids=["invalid", "valid"])
def test_a_message_that_redis_did_not_record_goes_back_to_its_queue(
    client: redis.Redis, reader: Reader, monkeypatch: pytest.MonkeyPatch, message: bytes
) -> None:
    client.lpush(QUEUE, message)

    def away(*_: Any, **__: Any) -> None:
        raise redis.ConnectionError("away")

    def lost_its_connection() -> bool:
        connection = reader.connection
        reader.read()
        return reader.connection is not connection

    with monkeypatch.context() as patched:
        patched.setattr(transport, "insert_dead_message", away)
        patched.setattr(transport, "record_taken", away)
        eventually(lost_its_connection, what="the end of the connection")

    def placed() -> bool:
        reader.read()
        return bool(reader.received) or count_dead(client).kept == 1

    eventually(placed, what="the message, taken again")
    assert client.llen(QUEUE) == 0
    assert not transport.UNPLACED
