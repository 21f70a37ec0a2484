"""The queue on a real server: bounded, ordered, disposable, read in two ways alike."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
import redis

from pc_worker.errors import Unavailable
from pc_worker.generated import embedding_stream_pb2 as pb
from pc_worker.queue import AsyncQueue, Entry, Queue, build_entry, open_queue
from pc_worker.queue.keys import queue_keys
from tests.integration.gateway.conftest import Neighbours
from tests.integration.gateway.servers import Servers

EPOCH = uuid4()


def _entry(first: int, *, size: int = 1000, epoch: UUID = EPOCH, nonce: int = 1, rows: int = 10) -> Entry:
    message = pb.DocumentRow(key="x" * (size // rows)).SerializeToString()
    messages = [(str(UUID(int=first + at)), message) for at in range(rows)]
    return build_entry("document", domain="law", epoch=epoch, nonce=nonce, first_position=first, rows=messages)


@pytest.fixture(params=["directly", "through the client"])
def queue(request: pytest.FixtureRequest, neighbours: Neighbours) -> Queue:
    if request.param == "directly":
        return open_queue(neighbours.redis_url, max_bytes=10_000, timeout_s=5)
    return Queue(redis.Redis.from_url(neighbours.redis_url), max_bytes=10_000)


def test_what_was_pushed_is_read_as_often_as_asked_for(queue: Queue) -> None:
    queue.push(_entry(11))

    read = [queue.get("law", 11) for _ in range(3)]

    assert [entry.to_bytes() for entry in read if entry] == [_entry(11).to_bytes()] * 3
    assert queue.get("law", 12) is None
    assert queue.get("other", 11) is None


def test_the_oldest_positions_fall_out_over_the_bound(queue: Queue) -> None:
    for first in (51, 1, 41, 11, 31, 21, 71, 61):
        queue.push(_entry(first))

    entries, held = queue.depth("law")

    size = len(_entry(1).to_bytes())
    assert held == entries * size <= 10_000 < held + size
    assert queue.firsts("law", 0, 1000) == frozenset([71, 61, 51, 41, 31, 21, 11, 1][:entries])
    assert queue.firsts("law", 41, 61) == {41, 51, 61}


def test_pushing_twice_counts_once(queue: Queue) -> None:
    queue.push(_entry(1))
    before = queue.depth("law")

    queue.push(_entry(1))

    assert queue.depth("law") == before


def test_an_entry_larger_than_the_bound_is_not_stored(queue: Queue) -> None:
    queue.push(_entry(1))

    assert not queue.push(_entry(11, size=20_000))
    assert queue.firsts("law", 0, 100) == {1}


def test_another_epoch_clears_the_ring(queue: Queue) -> None:
    queue.push(_entry(1))

    queue.push(_entry(101, epoch=uuid4()))

    assert queue.firsts("law", 0, 1000) == {101}
    assert queue.depth("law")[0] == 1


def test_clear_leaves_nothing(queue: Queue) -> None:
    queue.push(_entry(1))

    queue.clear("law")

    assert queue.depth("law") == (0, 0)
    assert queue.get("law", 1) is None


@pytest.mark.parametrize("stored", [b"", b"x", b"PCW1" + b"\xff" * 200, b"\x00" * 5000])
def test_what_is_no_entry_is_none_and_the_next_read_is_right(
    queue: Queue, neighbours: Neighbours, stored: bytes
) -> None:
    queue.push(_entry(1))
    redis.Redis.from_url(neighbours.redis_url).hset(queue_keys("law")[0], "11", stored)

    assert queue.get("law", 11) is None
    assert queue.get("law", 1) is not None


def test_a_large_entry_is_read_whole(neighbours: Neighbours) -> None:
    queue = open_queue(neighbours.redis_url, max_bytes=10**8, timeout_s=5)
    entry = _entry(1, size=4_000_000)
    queue.push(entry)

    read = queue.get("law", 1)

    assert read is not None
    assert read.message() == entry.message()


def test_a_killed_server_is_unavailable_and_then_there_again(servers: Servers, queue: Queue) -> None:
    queue.push(_entry(1))
    queue.get("law", 1)

    with servers.down("redis"):
        for ask in (lambda: queue.get("law", 1), lambda: queue.push(_entry(1)), lambda: queue.depth("law")):
            with pytest.raises(Unavailable):
                ask()

    queue.push(_entry(1))
    assert queue.get("law", 1) is not None


def test_a_wrong_password_is_unavailable(neighbours: Neighbours) -> None:
    host = neighbours.redis_url.rpartition("@")[2]

    with pytest.raises(Unavailable):
        open_queue(f"redis://:wrong@{host}", max_bytes=1, timeout_s=5).get("law", 1)


async def test_a_dead_server_is_left_alone_for_a_while(neighbours: Neighbours) -> None:
    now = [0.0]
    dead = open_queue("redis://127.0.0.1:1/0", max_bytes=1, timeout_s=1)
    queue = AsyncQueue(dead, clock=lambda: now[0])

    assert await queue.get("law", 1, 1) is None
    queue._queue = open_queue(neighbours.redis_url, max_bytes=10_000, timeout_s=5)
    queue._queue.push(_entry(1))
    paused = await queue.get("law", 1, 1)
    now[0] = 1.5
    back = await queue.get("law", 1, 1)
    queue.close()

    assert paused is None
    assert back is not None
    assert await AsyncQueue(queue._queue).firsts("law", 0, 5) == {1}


async def test_an_entry_is_shared_while_a_reader_has_it_and_never_by_its_place_alone(
    neighbours: Neighbours,
) -> None:
    queue = AsyncQueue(open_queue(neighbours.redis_url, max_bytes=10_000, timeout_s=5))
    queue._queue.push(_entry(1))
    one = await queue.get("law", 1, 1)
    queue._queue.push(_entry(1, nonce=2))  # a log that began anew
    same, new = await queue.get("law", 1, 1), await queue.get("law", 1, 2)
    shared = same is one is not None
    del one, same
    gone = await queue.get("law", 1, 1)
    queue.close()

    assert shared
    assert new is not None
    assert new.nonce == 2
    assert gone is None


async def test_an_entry_is_read_once_for_many(neighbours: Neighbours) -> None:
    queue = AsyncQueue(open_queue(neighbours.redis_url, max_bytes=10_000, timeout_s=5))
    queue._queue.push(_entry(1))

    one, other = await asyncio.gather(queue.get("law", 1, 1), queue.get("law", 1, 1))
    queue.close()

    assert one is not None
    assert one is other
