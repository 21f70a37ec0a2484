"""The queue on a real server: bounded, ordered, disposable, read in two ways alike."""

from __future__ import annotations

import asyncio
import socketserver
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis

from pc_worker.errors import HotBufferDamaged, Unavailable
from pc_worker.hot_buffer import AsyncHotBuffer, Entry, HotBuffer, build_entry, open_hot_buffer, ring_async
from pc_worker.hot_buffer.entry import ENTRY_BYTES, HEADER
from pc_worker.hot_buffer.keys import ring_keys
from pc_worker.hot_buffer.metrics import UNUSABLE
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.integration.gateway.conftest import until
from tests.integration.gateway.servers import Servers
from tests.support.events import logged_events

EPOCH = uuid4()
KEY = bytes(range(32))


def _entry(first: int, *, size: int = 1000, epoch: UUID = EPOCH, nonce: int = 1, rows: int = 10) -> Entry:
    message = pb.DocumentRow(key="x" * (size // rows)).SerializeToString()
    messages = [(str(UUID(int=first + at)), message) for at in range(rows)]
    return build_entry("document", domain="law", epoch=epoch, nonce=nonce, first_position=first, rows=messages)


@pytest.fixture
def redis_url(servers: Servers) -> Iterator[str]:
    """Yield an empty Redis; no test here needs a database."""
    redis.Redis.from_url(servers.redis_url).flushall()
    yield servers.redis_url
    servers.bring_back()


@pytest.fixture(params=["directly", "through the client"])
def queue(request: pytest.FixtureRequest, redis_url: str) -> HotBuffer:
    if request.param == "directly":
        return open_hot_buffer(redis_url, max_bytes=10_000, timeout_s=5)
    return HotBuffer(redis.Redis.from_url(redis_url), max_bytes=10_000)


def test_what_was_pushed_is_read_as_often_as_asked_for(queue: HotBuffer) -> None:
    queue.push(_entry(11), KEY)

    read = [queue.get("law", 11, KEY) for _ in range(3)]

    assert [entry.message() for entry in read if entry] == [_entry(11).message()] * 3
    assert queue.get("law", 12, KEY) is None
    assert queue.get("other", 11, KEY) is None


def test_the_oldest_positions_fall_out_over_the_bound(queue: HotBuffer) -> None:
    for first in (51, 1, 41, 11, 31, 21, 71, 61):
        queue.push(_entry(first), KEY)

    entries, held = queue.depth("law")

    size = len(_entry(1).to_bytes(KEY))
    assert held == entries * size <= 10_000 < held + size
    assert queue.held("law", range(1, 100)) == frozenset([71, 61, 51, 41, 31, 21, 11, 1][:entries])
    assert queue.held("law", range(41, 62)) == {41, 51, 61}


def test_pushing_twice_counts_once(queue: HotBuffer) -> None:
    queue.push(_entry(1), KEY)
    before = queue.depth("law")

    queue.push(_entry(1), KEY)

    assert queue.depth("law") == before


def test_an_entry_larger_than_the_bound_is_not_stored(queue: HotBuffer) -> None:
    queue.push(_entry(1), KEY)

    assert not queue.push(_entry(11, size=20_000), KEY)
    assert queue.held("law", range(100)) == {1}


def test_another_epoch_clears_the_ring(queue: HotBuffer) -> None:
    queue.push(_entry(1), KEY)

    queue.push(_entry(101, epoch=uuid4()), KEY)

    assert queue.held("law", range(1000)) == {101}
    assert queue.depth("law")[0] == 1


def test_clear_leaves_nothing(queue: HotBuffer) -> None:
    queue.push(_entry(1), KEY)

    queue.clear("law")

    assert queue.depth("law") == (0, 0)
    assert queue.get("law", 1, KEY) is None


def _unsealed(entry: Entry, *, number: int | None = None) -> bytes:
    """Return an entry in the right form, made without the key."""
    forged = bytearray(entry.to_bytes(bytes(32)))
    if number is not None:
        forged[HEADER.size - 3] = number
    return bytes(forged)


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"x", id="a byte"),
        pytest.param(b"PCW2" + b"\xff" * 200, id="a huge front"),
        pytest.param(b"\x00" * 5000, id="zeros"),
        pytest.param(b"PCW1" + b"\x00" * 5000, id="of the version before"),
        pytest.param(_unsealed(_entry(11)), id="with another key"),
        pytest.param(_unsealed(_entry(11), number=77), id="of a row type that is not"),
        pytest.param(_entry(21).to_bytes(KEY), id="from another place"),
        pytest.param(_entry(11).to_bytes(KEY)[:-1], id="cut"),
        pytest.param(_entry(11).to_bytes(KEY) + b"x", id="continued"),
        pytest.param(bytes(ENTRY_BYTES + 1), id="too large"),
    ],
)
def test_what_is_no_entry_of_ours_is_damage_and_the_next_read_is_right(
    queue: HotBuffer, redis_url: str, stored: bytes
) -> None:
    queue.push(_entry(1), KEY)
    redis.Redis.from_url(redis_url).hset(ring_keys("law")[0], "11", stored)

    with pytest.raises(HotBufferDamaged):
        queue.get("law", 11, KEY)
    assert queue.get("law", 1, KEY) is not None


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("kind", ["set", "rpush", "sadd", "hset", "zadd", "xadd"])
def test_a_key_of_another_type_is_damage_that_a_push_repairs(
    queue: HotBuffer, redis_url: str, number: int, kind: str
) -> None:
    key, client = ring_keys("law")[number], redis.Redis.from_url(redis_url)
    queue.push(_entry(1), KEY)
    client.delete(key)
    arguments = {"hset": ("epoch", str(EPOCH), "bytes", "many"), "zadd": ("inf", "no number"), "xadd": ("*", "a", "b")}
    client.execute_command(kind, key, *arguments.get(kind, ("x",)))  # type: ignore[no-untyped-call]

    for ask in (lambda: queue.get("law", 1, KEY), lambda: queue.held("law", [1]), lambda: queue.depth("law")):
        with suppress(HotBufferDamaged):
            ask()
    pushed = queue.push(_entry(11), KEY)

    assert pushed
    assert queue.get("law", 11, KEY) is not None
    assert queue.held("law", [11]) == {11}


@pytest.mark.parametrize("held", [-(10**15), 10**15, 2**63 - 5])
def test_an_impossible_byte_count_clears_the_buffer(queue: HotBuffer, redis_url: str, held: int) -> None:
    queue.push(_entry(1), KEY)
    redis.Redis.from_url(redis_url).hset(ring_keys("law")[2], "bytes", held)

    for first in (11, 21, 31):
        queue.push(_entry(first), KEY)

    entries, size = queue.depth("law")
    assert size == entries * len(_entry(1).to_bytes(KEY)) > 0


def test_invalid_members_of_the_order_are_ignored(queue: HotBuffer, redis_url: str) -> None:
    queue.push(_entry(1), KEY)
    odd: dict[Any, float] = {"no number": 1, "": 1, "-inf": float("-inf"), "1e3": 1000, b"\xff": 5}
    redis.Redis.from_url(redis_url).zadd(ring_keys("law")[1], odd)

    assert queue.held("law", range(1, 20)) == {1}
    with pytest.raises(HotBufferDamaged):
        queue.oldest("law")


@contextmanager
def _server_that_says(answer: bytes) -> Iterator[str]:
    """Yield the URL of another server on Redis's port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while self.request.recv(1000):
                self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()


@pytest.mark.parametrize("directly", [True, False])
@pytest.mark.parametrize(
    "answer",
    [
        b"-LOADING Redis is loading the dataset in memory\r\n",
        b"-NOAUTH Authentication required.\r\n",
        b"-READONLY You can't write against a read only replica.\r\n",
        b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
        b"-MOVED 1 10.0.0.1:6379\r\n",
        b"*3\r\n:1\r\n$-1\r\n*0\r\n",
        b"$no\r\n",
        b"$99999999999999\r\nabc",
        b"%1\r\n+a\r\n+b\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\xff\x00\xfe\r\n",
        b"",
    ],
)
async def test_any_answer_of_a_server_costs_only_the_hot_buffer(answer: bytes, directly: bool) -> None:
    with _server_that_says(answer) as url:
        client = redis.Redis.from_url(url, socket_timeout=0.2)
        bound = 10_000
        queue = open_hot_buffer(url, max_bytes=bound, timeout_s=0.2) if directly else HotBuffer(client, max_bytes=bound)
        reader = AsyncHotBuffer(queue)
        before = _unusable()

        assert await reader.get("law", 1, 1, KEY) is None
        assert await AsyncHotBuffer(queue).held("law", [1]) == frozenset()
        assert _unusable() >= before + 1
        for ask in (lambda: queue.push(_entry(1), KEY), lambda: queue.depth("law"), lambda: queue.oldest("law")):
            with suppress(Unavailable):
                ask()
        reader.close()


def _unusable() -> float:
    return float(sum(UNUSABLE.labels("law", reason)._value.get() for reason in ("away", "damaged")))


class _Strange(HotBuffer):
    """A hot buffer whose read raises an unexpected error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get(self, domain: str, first: int, key: bytes) -> Entry | None:
        raise self.error


@pytest.mark.parametrize("error", [StopIteration(), MemoryError(), RecursionError(), KeyError(b"\xff"), EOFError()])
async def test_any_error_means_no_entry_and_is_logged_once(error: Exception) -> None:
    reader = AsyncHotBuffer(_Strange(error), clock=lambda: 0.0)

    with logged_events(ring_async) as logs:
        read = [await reader.get("law", first, 1, KEY) for first in range(5)]

    assert read == [None] * 5
    assert [line["event"] for line in logs] == ["queue_unusable"]


def test_a_large_entry_is_read_whole(redis_url: str) -> None:
    queue = open_hot_buffer(redis_url, max_bytes=10**8, timeout_s=5)
    entry = _entry(1, size=4_000_000)
    queue.push(entry, KEY)

    read = queue.get("law", 1, KEY)

    assert read is not None
    assert read.message() == entry.message()


def test_a_killed_server_is_unavailable_until_it_is_back(servers: Servers, queue: HotBuffer) -> None:
    queue.push(_entry(1), KEY)
    queue.get("law", 1, KEY)

    with servers.down("redis"):
        for ask in (lambda: queue.get("law", 1, KEY), lambda: queue.push(_entry(1), KEY), lambda: queue.depth("law")):
            with pytest.raises(Unavailable):
                ask()

    queue.push(_entry(1), KEY)
    assert queue.get("law", 1, KEY) is not None


def test_a_wrong_password_is_unavailable(redis_url: str) -> None:
    host = redis_url.rpartition("@")[2]

    with pytest.raises(Unavailable):
        open_hot_buffer(f"redis://:wrong@{host}", max_bytes=1, timeout_s=5).get("law", 1, KEY)


async def test_a_dead_server_is_left_alone_for_a_while(redis_url: str) -> None:
    now = [0.0]
    dead = open_hot_buffer("redis://127.0.0.1:1/0", max_bytes=1, timeout_s=1)
    queue = AsyncHotBuffer(dead, clock=lambda: now[0])

    assert await queue.get("law", 1, 1, KEY) is None
    queue._queue = open_hot_buffer(redis_url, max_bytes=10_000, timeout_s=5)
    queue._queue.push(_entry(1), KEY)
    paused = await queue.get("law", 1, 1, KEY)
    now[0] = 1.5
    back = await queue.get("law", 1, 1, KEY)
    queue.close()

    assert paused is None
    assert back is not None
    assert await AsyncHotBuffer(queue._queue).held("law", range(5)) == {1}


async def test_an_entry_is_shared_while_a_reader_has_it_and_never_by_its_position_alone(
    redis_url: str,
) -> None:
    queue = AsyncHotBuffer(open_hot_buffer(redis_url, max_bytes=10_000, timeout_s=5))
    queue._queue.push(_entry(1), KEY)
    one = await queue.get("law", 1, 1, KEY)
    queue._queue.push(_entry(1, nonce=2), KEY)  # a log in a new epoch
    same, new = await queue.get("law", 1, 1, KEY), await queue.get("law", 1, 2, KEY)
    shared = same is one is not None
    assert one is not None
    last = weakref.ref(one)
    del one, same

    async def let_go() -> bool:
        return last() is None

    await until(let_go)  # the thread that read the entry releases it shortly after its reader
    gone = await queue.get("law", 1, 1, KEY)
    queue.close()

    assert shared
    assert new is not None
    assert new.nonce == 2
    assert gone is None


async def test_an_entry_is_read_once_for_many(redis_url: str) -> None:
    queue = AsyncHotBuffer(open_hot_buffer(redis_url, max_bytes=10_000, timeout_s=5))
    queue._queue.push(_entry(1), KEY)

    one, other = await asyncio.gather(queue.get("law", 1, 1, KEY), queue.get("law", 1, 1, KEY))
    queue.close()

    assert one is not None
    assert one is other
