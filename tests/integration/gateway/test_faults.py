"""For any fault of the hot buffer or the database, a stream returns what PostgreSQL has, or an error."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import grpc
import grpc.aio
import psycopg2
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pc_worker.gateway import metrics
from pc_worker.hot_buffer import build_entry
from pc_worker.hot_buffer.entry import HEADER
from pc_worker.hot_buffer.keys import ring_keys
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.integration.gateway.client import Received, call, finish, stream
from tests.integration.gateway.conftest import Neighbours, config_for, running_gateway, until
from tests.integration.gateway.consumer import consuming
from tests.integration.gateway.logfile import DomainLog
from tests.integration.gateway.servers import Servers

OK = grpc.StatusCode.OK
#: More than a connection's buffers hold, so that most of the log is still to be read after the first chunk.
WIDE = 30_000


def _fill(log: DomainLog, rows: int, *, push: bool = True, text_bytes: int = 20) -> None:
    for start in range(0, rows, 100):
        log.write(range(start, start + 100), push=push, text_bytes=text_bytes)


def _from_queue(domain: str) -> float:
    value: float = metrics.ROWS.labels(domain, "queue")._value.get()
    return value


def _flush(log: DomainLog) -> None:
    log.redis.flushall()


def _corrupt(log: DomainLog) -> None:
    key = ring_keys(log.domain)[0]
    for field, entry in log.redis.hgetall(key).items():
        damaged = bytearray(entry)  # type: ignore[arg-type] # a client that does not decode returns bytes
        damaged[len(damaged) // 2] ^= 1
        log.redis.hset(key, field, bytes(damaged))


def _truncate(log: DomainLog) -> None:
    key = ring_keys(log.domain)[0]
    for field, entry in log.redis.hgetall(key).items():
        log.redis.hset(key, field, entry[:100])


def _lie(
    log: DomainLog, key: bytes, *, nonce: int | None = None, epoch: bool = False, shift: int = 0, arm: str | None = None
) -> None:
    """Replace the true entries by entries of forged rows, sealed with ``key``."""
    for entry in log.entries:
        rows = [(entry.block.row_id(at), log.make(999_999, 1, 20).message) for at in range(len(entry.block))]
        lie = build_entry(
            arm or log.arm,
            domain=log.domain,
            epoch=uuid4() if epoch else entry.epoch,
            nonce=entry.nonce if nonce is None else nonce,
            first_position=entry.first,
            rows=rows[shift:],
        )
        log.redis.hset(ring_keys(log.domain)[0], str(entry.first), lie.to_bytes(key))


def _own_lie(log: DomainLog, **changes: Any) -> None:
    assert log.key is not None
    _lie(log, log.key, **changes)


def _unknown_arm(log: DomainLog) -> None:
    key = ring_keys(log.domain)[0]
    for field, entry in log.redis.hgetall(key).items():
        forged = bytearray(entry)  # type: ignore[arg-type] # a client that does not decode returns bytes
        forged[HEADER.size - 3] = 99
        log.redis.hset(key, field, bytes(forged))


def _swapped(log: DomainLog) -> None:
    one, other, *_ = log.entries
    key = ring_keys(log.domain)[0]
    stored = log.redis.hget(key, str(one.first))
    log.redis.hset(key, str(other.first), stored)


def _odd_members(log: DomainLog) -> None:
    order = ring_keys(log.domain)[1]
    odd: dict[Any, float] = {"no number": 1, "": 2, "NaN": 3, b"\xff\xfe": 4, "1.5": 5}
    log.redis.zadd(order, odd)
    log.redis.zadd(order, {f"x{number}": number for number in range(5000)})


def _wrong_type(log: DomainLog) -> None:
    log.redis.flushall()
    for key in ring_keys(log.domain):
        log.redis.set(key, "nonsense")


def _lists(log: DomainLog) -> None:
    log.redis.flushall()
    for key in ring_keys(log.domain):
        log.redis.rpush(key, "1", "2")


def _no_key(log: DomainLog) -> None:
    with log.connection, log.connection.cursor() as cursor:
        cursor.execute("DELETE FROM queue_keys")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(_flush, id="flushed"),
        pytest.param(_corrupt, id="one bit changed"),
        pytest.param(_truncate, id="truncated"),
        pytest.param(lambda log: _lie(log, b"k" * 32), id="made up by one without the key"),
        pytest.param(_unknown_arm, id="unknown arm"),
        pytest.param(_swapped, id="a true entry in another's place"),
        pytest.param(lambda log: _own_lie(log, nonce=1), id="wrong nonce"),
        pytest.param(lambda log: _own_lie(log, epoch=True), id="wrong epoch"),
        pytest.param(lambda log: _own_lie(log, shift=1), id="other extent"),
        pytest.param(_odd_members, id="odd members in the order"),
        pytest.param(_wrong_type, id="keys of another type"),
        pytest.param(_lists, id="keys that are lists"),
        pytest.param(_no_key, id="no key"),
    ],
)
async def test_a_queue_that_cannot_be_trusted_changes_nothing(
    neighbours: Neighbours, gateway: str, damage: Callable[[DomainLog], None]
) -> None:
    log = neighbours.log("recruit")
    _fill(log, 300)
    damage(log)

    received = await stream(gateway, domain="recruit")

    assert received.rows == log.rows


async def test_an_entry_with_the_right_nonce_is_forwarded_without_reading_its_rows(
    neighbours: Neighbours, gateway: str
) -> None:
    log = neighbours.log("recruit")
    _fill(log, 300)
    _own_lie(log)
    before = _from_queue("recruit")

    received = await stream(gateway, domain="recruit")

    assert {sent.message for sent in received.rows} == {log.make(999_999, 1, 20).message}
    assert _from_queue("recruit") - before == 300


@pytest.mark.parametrize("seed", range(8))
async def test_the_stream_equals_the_log_for_any_content_of_the_hot_buffer(
    neighbours: Neighbours, gateway: str, seed: int
) -> None:
    """Writes, changes, deletions, batches of any size, entries missing, damaged and out of order; any start."""
    chance = random.Random(seed)
    log = neighbours.log("law")
    for _ in range(25):
        _one_step(log, chance)
    position = chance.randint(0, log.head)
    chunk_size = chance.choice([1, 10, 300, 1000])

    received = await stream(gateway, domain="law", after_position=position, chunk_size=chunk_size)

    assert (received.code, received.details) == (OK, "")
    assert received.rows == [sent for sent in log.rows if sent.position > position]


def _one_step(log: DomainLog, chance: random.Random) -> None:
    known = sorted({int(number) for number in range(400)}, key=lambda _: chance.random())
    match chance.choice(["write", "write", "write", "forget", "push", "damage", "evict"]):
        case "write":
            numbers = known[: chance.choice([1, 5, 40, 120])]
            log.write(numbers, version=chance.randint(1, 99), push=chance.random() < 0.7)
        case "forget" if log.rows:
            stored = {sent.row_id for sent in log.rows}
            log.forget([number for number in known if log.row_id(number) in stored][: chance.randint(1, 20)])
        case "push" if log.entries:
            log.queue.push(chance.choice(log.entries), log.key)
        case "damage" if log.entries:
            first = chance.choice(log.entries).first
            log.redis.hset(ring_keys(log.domain)[0], str(first), chance.randbytes(200))
        case "evict" if log.entries:
            log.redis.hdel(ring_keys(log.domain)[0], str(chance.choice(log.entries).first))


@asynccontextmanager
async def _stopped_after_one_chunk(address: str) -> AsyncIterator[tuple[Received, grpc.aio.UnaryStreamCall]]:
    async with grpc.aio.insecure_channel(address) as channel:
        started = call(channel, pb.StreamEmbeddingRequest(domain="law", chunk_size=100))
        yield Received([await started.read()]), started


@pytest.mark.parametrize("name", ["redis", "postgres"])
@pytest.mark.parametrize("push", [True, False])
async def test_a_neighbour_killed_in_the_middle_leaves_the_stream_complete(
    servers: Servers, neighbours: Neighbours, gateway: str, name: str, push: bool
) -> None:
    log = neighbours.log("law")
    _fill(log, 1000, push=push, text_bytes=WIDE)

    async with _stopped_after_one_chunk(gateway) as (received, started):
        servers.kill(name)
        rest = await finish(started)

    assert (rest.code, rest.details) == (OK, "")
    assert received.rows + rest.rows == log.rows


async def test_a_database_that_stays_away_ends_the_stream_with_unavailable(
    servers: Servers, neighbours: Neighbours
) -> None:
    log = neighbours.log("law")
    _fill(log, 1000, push=False, text_bytes=WIDE)

    async with (
        running_gateway(config_for(neighbours, retry_for_s=0.5)) as address,
        _stopped_after_one_chunk(address) as (received, started),
    ):
        with servers.down("postgres"):
            rest = await finish(started)

    assert rest.code == grpc.StatusCode.UNAVAILABLE
    delivered = received.rows + rest.rows
    assert delivered == log.rows[: len(delivered)]
    assert len(delivered) < len(log.rows)


async def test_rows_that_change_during_a_call_come_once_and_never_in_an_older_version(
    neighbours: Neighbours, gateway: str
) -> None:
    log = neighbours.log("law")
    _fill(log, 1000, text_bytes=WIDE)
    head, expected = log.head, log.rows

    async with _stopped_after_one_chunk(gateway) as (received, started):
        log.write(range(900, 1000), version=2)
        log.forget(range(800, 810))
        rest = await finish(started)

    delivered = received.rows + rest.rows
    newest = {sent.row_id: sent.message for sent in log.rows}
    assert rest.trailers["pcw-head"] == str(head)
    assert [sent.row_id for sent in delivered] == [
        sent.row_id for sent in expected if sent.row_id in {other.row_id for other in delivered}
    ]
    assert {sent.row_id for sent in expected} - {sent.row_id for sent in delivered} <= {
        log.row_id(number) for number in range(800, 810)
    }
    old = {sent.row_id: sent.message for sent in expected}
    assert all(sent.message in (old[sent.row_id], newest.get(sent.row_id)) for sent in delivered)


async def test_a_gateway_started_before_its_database_recovers_by_itself(
    servers: Servers, neighbours: Neighbours
) -> None:
    log = neighbours.log("recruit")
    _fill(log, 100)
    log.connection.close()

    with servers.down("postgres"):
        async with running_gateway(config_for(neighbours)) as address:
            refused = await stream(address, domain="recruit")
            away = await _health(address)
            servers.bring_back()
            await until(lambda: _is_serving(address))
            received = await stream(address, domain="recruit")

    assert refused.code == grpc.StatusCode.UNAVAILABLE
    assert away == health_pb2.HealthCheckResponse.NOT_SERVING
    assert received.rows == log.rows


async def test_health_follows_the_database(servers: Servers, neighbours: Neighbours, gateway: str) -> None:
    await until(lambda: _is_serving(gateway))

    with servers.down("postgres"):
        await until(lambda: _is_away(gateway))

    await until(lambda: _is_serving(gateway))


async def test_connections_are_replaced_when_the_database_was_away(neighbours: Neighbours) -> None:
    log = neighbours.log("law")
    log.write(range(10), push=False)
    async with running_gateway(config_for(neighbours, database_connections=1)) as address:
        await until(lambda: _is_serving(address))
        await stream(address, domain="law")
        before, watching = _backends(log, "pcw_gateway"), _backends(log, "pcw_gateway_notice")

        with log.connection, log.connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid", (list(watching),))
        await until(lambda: _is_watched_by_another(log, watching))
        received = await stream(address, domain="law")

        assert (len(before), len(watching)) == (1, 1)
        assert received.rows == log.rows
        assert _backends(log, "pcw_gateway") - before


def _backends(log: DomainLog, application: str) -> set[int]:
    with log.connection, log.connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()",
            (application,),
        )
        return {pid for (pid,) in cursor.fetchall()}


async def _is_watched_by_another(log: DomainLog, former: set[int]) -> bool:
    return bool(_backends(log, "pcw_gateway_notice") - former)


async def _health(address: str) -> int:
    async with grpc.aio.insecure_channel(address) as channel:
        request = health_pb2.HealthCheckRequest(service="com.alpha.backend.grpc.EmbeddingStreamService")
        answer = await health_pb2_grpc.HealthStub(channel).Check(request)
    return int(answer.status)


async def _is_serving(address: str) -> bool:
    return await _health(address) == int(health_pb2.HealthCheckResponse.SERVING)


async def _is_away(address: str) -> bool:
    return await _health(address) == int(health_pb2.HealthCheckResponse.NOT_SERVING)


async def test_a_restored_log_that_ends_earlier_is_not_taken_for_complete(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    _fill(log, 1000, push=False, text_bytes=WIDE)

    async with _stopped_after_one_chunk(gateway) as (_, started):
        with log.connection, log.connection.cursor() as cursor:
            cursor.execute("UPDATE domains SET head = 500 WHERE domain = 'law'")
            cursor.execute("DELETE FROM log WHERE position > 500")
            cursor.execute("DELETE FROM log_batches WHERE last_position > 500")
        rest = await finish(started)

    assert rest.code == grpc.StatusCode.FAILED_PRECONDITION


async def test_a_row_without_a_vector_of_the_active_model_stops_the_stream(
    neighbours: Neighbours, gateway: str
) -> None:
    log = neighbours.log("law")
    log.write(range(5), push=False)
    with log.connection, log.connection.cursor() as cursor:
        cursor.execute("DELETE FROM embeddings WHERE row_id = %s", (log.row_id(3),))

    received = await stream(gateway, domain="law")

    assert received.code == grpc.StatusCode.FAILED_PRECONDITION
    assert log.row_id(3) in received.details


async def test_a_client_that_disconnects_frees_its_stream(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    _fill(log, 1000, text_bytes=WIDE)
    async with _stopped_after_one_chunk(gateway) as (_, started):
        assert metrics.STREAMS.labels("law", "StreamEmbedding")._value.get() == 1

        started.cancel()

        await until(_no_stream)


async def _no_stream() -> bool:
    await asyncio.sleep(0)
    return bool(metrics.STREAMS.labels("law", "StreamEmbedding")._value.get() == 0)


MAKE_ROLE = """
CREATE ROLE {role} LOGIN PASSWORD 'right';
GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}
"""
END_CONNECTIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
#: What is done to the database or to the gateway's role, and what undoes it.
SPOILED = {
    "it takes no connections": (
        "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false",
        "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true",
    ),
    "the role may not log in": ("ALTER ROLE {role} NOLOGIN", "ALTER ROLE {role} LOGIN"),
    "the role has no connection left": (
        "ALTER ROLE {role} CONNECTION LIMIT 0",
        "ALTER ROLE {role} CONNECTION LIMIT -1",
    ),
    "its password is another": ("ALTER ROLE {role} PASSWORD 'other'", "ALTER ROLE {role} PASSWORD 'right'"),
    "a table is revoked": ("REVOKE ALL ON domains FROM {role}", "GRANT ALL ON domains TO {role}"),
    "a column is renamed": (
        "ALTER TABLE domains RENAME head TO tail",
        "ALTER TABLE domains RENAME tail TO head",
    ),
}


@pytest.mark.parametrize("fault", SPOILED)
async def test_after_any_error_of_the_database_the_gateway_recovers_with_it(neighbours: Neighbours, fault: str) -> None:
    log = neighbours.log("law")
    log.write(range(10))
    server, _, name = neighbours.database_url.rpartition("/")
    role = f"r{uuid4().hex}"
    where = f"{server}/template1" if "DATABASE" in SPOILED[fault][0] else neighbours.database_url
    spoil, mend = (statement.format(name=name, role=role) for statement in SPOILED[fault])
    _as_owner(neighbours.database_url, MAKE_ROLE.format(role=role))
    own_url = f"postgresql://{role}:right@{server.rpartition('@')[2]}/{name}"
    async with running_gateway(config_for(neighbours, database_url=own_url)) as address:
        await until(lambda: _is_serving(address))
        _as_owner(where, spoil)
        _as_owner(where, END_CONNECTIONS.format(role=role))
        await until(lambda: _is_away(address))
        meanwhile = await stream(address, domain="law")
        _as_owner(where, mend)
        await until(lambda: _is_serving(address))
        async with consuming(address, heartbeat_s=60) as tail:
            await tail.until("end_of_log")
            log.write(range(10, 20))  # only a notification can bring it within the test's time
            await tail.until("chunk")

    assert (meanwhile.code, "<class" in meanwhile.details) == (grpc.StatusCode.UNAVAILABLE, False)


def _as_owner(url: str, statement: str) -> None:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()
