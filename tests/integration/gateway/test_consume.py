"""The acknowledged stream: credit, acknowledgements, resuming, tail, tombstones, fencing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import asyncpg
import grpc
import grpc.aio
import psycopg2
import pytest
from prometheus_client import REGISTRY

from pc_worker.store.log.read import Delivery
from pc_worker.store.log.subscription_groups import LEASE_S, LOCK
from pc_worker.store.log.subscription_leases import ACQUIRE
from pc_worker.store.log.subscriptions import drop_subscription
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.integration.gateway.conftest import Neighbours, config_for, running_gateway, until
from tests.integration.gateway.consumer import Consumer, consuming
from tests.integration.gateway.logfile import DomainLog
from tests.integration.gateway.servers import Servers

CODE = grpc.StatusCode


def _fill(log: DomainLog, rows: int, *, push: bool = True, text_bytes: int = 20) -> None:
    for start in range(0, rows, 100):
        log.write(range(start, start + 100), push=push, text_bytes=text_bytes)


def _joined(consumer: Consumer, start: int = 0) -> bool:
    ends = [start, *(chunk.position for chunk in consumer.chunks)]
    return [chunk.after_position for chunk in consumer.chunks] == ends[:-1]


@pytest.mark.parametrize("push", [pytest.param(True, id="from the queue"), pytest.param(False, id="from the log")])
async def test_catch_up_gives_every_row_and_then_the_totals(neighbours: Neighbours, gateway: str, push: bool) -> None:
    log = neighbours.log("law")
    _fill(log, 500, push=push)
    log.write(range(50, 60), version=2, push=push)
    log.forget([3, 450])

    async with consuming(gateway) as consumer:
        opened = await consumer.until("opened")
        end = await consumer.until("end_of_log")

    assert (opened.position, opened.head, opened.model, opened.chunk_rows) == (0, 512, "mini@1", 300)
    assert consumer.rows == log.rows
    assert _joined(consumer)
    dead = [(tomb.row_id, tomb.position) for chunk in consumer.chunks for tomb in chunk.tombstones]
    assert dead == [(log.row_id(3), 511), (log.row_id(450), 512)]
    assert (end.position, end.rows, end.tombstones, end.chunks) == (512, 498, 2, len(consumer.chunks))
    assert end.checksum == consumer.checksum


async def test_chunks_name_model_epoch_and_job(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    entry = log.write(range(100))
    log.write(range(100, 110), push=False)

    async with consuming(gateway) as consumer:
        await consumer.until("end_of_log")

    assert [chunk.model for chunk in consumer.chunks] == ["mini@1"] * 2
    assert [chunk.epoch for chunk in consumer.chunks] == [str(entry.epoch)] * 2
    assert [list(chunk.job_ids) for chunk in consumer.chunks] == [["job-1"], ["job-1"]]


async def test_rows_of_several_jobs_name_each(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    for number in range(3):
        log.write([number])
    with log.connection, log.connection.cursor() as cursor:
        cursor.execute("UPDATE log_batches SET job_id = 'job-' || first_position")

    async with consuming(gateway) as consumer:
        await consumer.until("end_of_log")

    assert [list(chunk.job_ids) for chunk in consumer.chunks] == [["job-1", "job-2", "job-3"]]


async def test_what_is_committed_later_follows_at_once(neighbours: Neighbours, gateway: str) -> None:
    """Heartbeats are a minute apart: only the notification can bring it within the test's time."""
    log = neighbours.log("law")
    log.write(range(10))

    async with consuming(gateway, heartbeat_s=60) as consumer:
        await consumer.until("end_of_log")
        log.write(range(10, 20))
        log.forget([5])
        while not any(chunk.tombstones for chunk in consumer.chunks):
            await consumer.until("end_of_log")

    kept = [sent for sent in consumer.rows if sent.row_id != log.row_id(5)]
    assert kept == log.rows
    assert _joined(consumer)


async def test_never_more_chunks_are_outstanding_than_granted(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    _fill(log, 700)
    two = pb.ConsumeCredit(chunks=2, bytes=10_000_000)

    async with consuming(gateway, credit=two, chunk_rows=100, heartbeat_s=1) as consumer:
        waiting = await consumer.until("heartbeat")
        first = len(consumer.chunks)
        await consumer.say(credit=pb.ConsumeCredit(chunks=3))
        await consumer.until("heartbeat")

    assert (first, len(consumer.chunks)) == (2, 5)
    assert (waiting.credit_chunks, waiting.position, waiting.head) == (0, 200, 700)
    assert waiting.needed_bytes > 0


async def test_never_more_bytes_are_outstanding_than_granted(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    _fill(log, 700, text_bytes=1000)
    some = pb.ConsumeCredit(chunks=1000, bytes=250_000)

    async with consuming(gateway, credit=some, heartbeat_s=1, frame_bytes=100_000) as consumer:
        waiting = await consumer.until("heartbeat")
        spent = sum(answer.ByteSize() for answer in consumer.answers if answer.HasField("chunk"))
        await consumer.say(credit=pb.ConsumeCredit(bytes=waiting.needed_bytes - waiting.credit_bytes))
        await consumer.until("chunk")

    assert spent == 250_000 - waiting.credit_bytes
    assert 0 < spent <= 250_000 < spent + waiting.needed_bytes
    assert max(answer.ByteSize() for answer in consumer.answers) <= 100_000


async def test_small_credit_makes_small_frames(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    _fill(log, 300, text_bytes=1000)

    async with consuming(gateway, credit=pb.ConsumeCredit(chunks=9, bytes=70_000), heartbeat_s=1) as consumer:
        await consumer.until("heartbeat")

    assert len(consumer.chunks) >= 1


async def test_a_reconnect_resumes_after_the_last_acknowledgement(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    _fill(log, 500)

    async with consuming(gateway, chunk_rows=100) as first:
        await first.until("end_of_log")
        await first.ack(200)
        await first.ack(100)
        trailers = await first.close()
    async with consuming(gateway) as second:
        opened = await second.until("opened")
        await second.until("end_of_log")

    assert trailers == {"pcw-rows": "500", "pcw-acked-position": "200", "pcw-head": "500"}
    assert opened.position == 200
    assert second.rows == log.rows[200:]


async def test_an_acknowledgement_counts_though_the_client_vanishes(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    _fill(log, 200)

    async with consuming(gateway) as first:
        await first.until("end_of_log")
        await first.ack(100)
        await until(lambda: _position_is(log, 100))
    async with consuming(gateway) as second:
        opened = await second.until("opened")

    assert opened.position == 100


async def _position_is(log: DomainLog, position: int) -> bool:
    await asyncio.sleep(0)
    with log.connection, log.connection.cursor() as cursor:
        cursor.execute("SELECT position FROM subscriptions WHERE domain = %s AND name = 's'", (log.domain,))
        return cursor.fetchone() == (position,)


async def _has_credit() -> bool:
    """Return whether the gateway reports credit for a consumer of ``law``."""
    labels = {"domain": "law"}
    return bool(REGISTRY.get_sample_value("pcw_gateway_consumer_credit_chunks", labels))


async def _has_none() -> bool:
    return not await _has_credit()


async def test_heartbeats_come_while_the_database_is_slow(
    neighbours: Neighbours, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, answered = neighbours.log("law"), asyncio.Event()
    _fill(log, 300, push=False)
    rows = Delivery.rows

    async def slow_rows(delivery: Delivery, domain: str, **wanted: Any) -> Any:
        await answered.wait()
        return await rows(delivery, domain, **wanted)

    monkeypatch.setattr(Delivery, "rows", slow_rows)
    async with consuming(gateway, heartbeat_s=1) as consumer:
        await consumer.until("opened")
        for _ in range(2):
            assert (await consumer.until("heartbeat")).head == 300
        answered.set()
        end = await consumer.until("end_of_log")

    assert consumer.rows == log.rows
    assert end.rows == 300


@pytest.mark.parametrize("start", [{"after_position": 120}, {"after_uuid": 119}])
async def test_a_client_may_start_at_its_own_checkpoint(
    neighbours: Neighbours, gateway: str, start: dict[str, Any]
) -> None:
    log = neighbours.log("law")
    _fill(log, 300)
    given: dict[str, Any] = {key: log.row_id(value) if key == "after_uuid" else value for key, value in start.items()}

    async with consuming(gateway) as first:
        await first.until("end_of_log")
        await first.ack(300)
        await first.close()
    async with consuming(gateway, **given) as second:
        await second.until("end_of_log")

    assert second.rows == log.rows[120:]
    assert _joined(second, start=120)


@pytest.mark.parametrize("gateways", [1, 2])
async def test_a_second_consumer_ends_the_first(neighbours: Neighbours, gateway: str, gateways: int) -> None:
    log = neighbours.log("law")
    _fill(log, 200)

    async with running_gateway(config_for(neighbours)) as other, consuming(gateway) as first:
        await first.until("end_of_log")
        async with consuming(other if gateways == 2 else gateway) as second:
            await second.until("end_of_log")
            ended = await first.ended()
            await second.ack(100)
            await second.close()

    assert ended == CODE.ABORTED
    assert await _position_is(log, 100)


async def test_a_takeover_while_the_holder_acknowledges_new_rows_is_no_restored_log(
    neighbours: Neighbours, gateway: str
) -> None:
    log = neighbours.log("law")
    _fill(log, 100)

    async with consuming(gateway) as first:
        await first.until("end_of_log")
        with _locked_subscription(neighbours) as is_waited_for:
            async with consuming(gateway) as second:
                await until(is_waited_for)  # the second has read the head
                log.write(range(100, 200))
                await first.until("chunk")
                await first.ack(200)
                await until(lambda: _position_is(log, 200))
                is_waited_for.release()
                opened = await second.until("opened")
                end = await second.until("end_of_log")
                ended = await first.ended()

    assert (opened.position, opened.head, end.position) == (200, 200, 200)
    assert ended == CODE.ABORTED


class _Lock:
    """The lock under which consumers of the subscription ``s`` acquire it; asked whether one waits for it."""

    def __init__(self, connection: psycopg2.extensions.connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._cursor.execute(LOCK, {"domain": "law", "name": "s"})

    async def __call__(self) -> bool:
        self._cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
        )
        return self._cursor.fetchone() == (True,)

    def release(self) -> None:
        self._connection.rollback()


@contextmanager
def _locked_subscription(neighbours: Neighbours) -> Iterator[_Lock]:
    connection = psycopg2.connect(neighbours.database_url)
    try:
        yield _Lock(connection)
    finally:
        connection.close()


async def test_a_second_consumer_may_ask_to_be_rejected(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    _fill(log, 100)

    async with consuming(gateway) as first:
        await first.until("end_of_log")
        async with consuming(gateway, refuse_if_held=True) as second:
            refused = await second.ended()
        log.write([1000])
        await first.until("chunk")
        await first.close()
    async with consuming(gateway, refuse_if_held=True) as third:
        await third.until("opened")

    assert refused == CODE.RESOURCE_EXHAUSTED


async def test_a_dropped_subscription_ends_its_consumer(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    _fill(log, 100)

    async with consuming(gateway) as consumer:
        opened = await consumer.until("opened")
        await consumer.until("end_of_log")
        with log.connection, log.connection.cursor() as cursor:
            drop_subscription(cursor, "law", "s")
        ended = await consumer.ended()
        error = await consumer.error()
    async with consuming(gateway) as second:
        reopened = await second.until("opened")
        await second.until("end_of_log")
        await second.ack(100)
        await second.close()
    async with consuming(gateway) as third:
        resumed = await third.until("opened")

    assert (ended, error) == (CODE.ABORTED, "subscription_dropped")
    assert [found.created for found in (opened, reopened, resumed)] == [True, True, False]


async def test_the_consumer_of_a_dropped_subscription_has_no_part_in_a_new_one(
    neighbours: Neighbours, gateway: str
) -> None:
    log = neighbours.log("law")
    _fill(log, 100)

    async with consuming(gateway) as first:
        await first.until("end_of_log")
        await _make_again(neighbours)
        with suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):  # it may have ended already
            await first.ack(100)
        ended, error = await first.ended(), await first.error()
    is_untouched = await _position_is(log, 0)
    async with consuming(gateway) as second:
        opened = await second.until("opened")
        await second.until("end_of_log")
        await second.ack(50)
        await second.close()

    assert (ended, error) == (CODE.ABORTED, "fenced")
    assert is_untouched
    assert (opened.created, opened.position, len(second.rows)) == (False, 0, 100)
    assert await _position_is(log, 50)


async def _make_again(neighbours: Neighbours) -> None:
    """Replace the subscription in one transaction: a renewal by its consumer never finds that there is none."""
    connection = await asyncpg.connect(neighbours.database_url)
    try:
        async with connection.transaction():
            await connection.execute("DELETE FROM subscriptions")
            made = await connection.fetchrow(ACQUIRE, "law", "s", None, True, LEASE_S, "another consumer", 1)
            assert made is not None
    finally:
        await connection.close()


async def test_a_consumer_that_never_acknowledges_is_let_go(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    _fill(log, 100)

    async with consuming(gateway, ack_deadline_s=1) as consumer:
        ended = await consumer.ended()
    async with consuming(gateway, refuse_if_held=True) as second:
        opened = await second.until("opened")

    assert ended == CODE.DEADLINE_EXCEEDED
    assert opened.position == 0


async def test_a_consumer_that_acknowledged_everything_may_stay(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    _fill(log, 100)

    async with consuming(gateway, ack_deadline_s=1, heartbeat_s=1) as consumer:
        await consumer.until("end_of_log")
        await consumer.ack(100)
        for _ in range(3):
            beat = await consumer.until("heartbeat")

    assert (beat.acked_position, beat.head) == (100, 100)


async def test_frames_stay_within_the_requested_bytes(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    _fill(log, 300, text_bytes=5_000)
    log.write([900], text_bytes=200_000)
    log.write([901], text_bytes=3_900_000)

    async with consuming(gateway, frame_bytes=65_536) as consumer:
        await consumer.until("end_of_log")

    assert consumer.rows == log.rows
    sizes = [answer.ByteSize() for answer in consumer.answers]
    assert max(sizes[:-3]) <= 65_536
    assert max(sizes) <= 4 * 1024 * 1024


@pytest.mark.parametrize(
    ("opening", "code"),
    [
        pytest.param({"subscription": ""}, CODE.INVALID_ARGUMENT, id="no name"),
        pytest.param({"subscription": "a/b"}, CODE.INVALID_ARGUMENT, id="bad name"),
        pytest.param({"domain": "nowhere"}, CODE.INVALID_ARGUMENT, id="unknown domain"),
        pytest.param({"chunk_rows": 1001}, CODE.INVALID_ARGUMENT, id="chunk too large"),
        pytest.param({"frame_bytes": 1}, CODE.INVALID_ARGUMENT, id="frame too small"),
        pytest.param({"heartbeat_s": 61}, CODE.INVALID_ARGUMENT, id="heartbeat too rare"),
        pytest.param({"ack_deadline_s": -1}, CODE.INVALID_ARGUMENT, id="negative deadline"),
        pytest.param({"after_position": 11}, CODE.INVALID_ARGUMENT, id="beyond the head"),
        pytest.param({"after_uuid": "x"}, CODE.INVALID_ARGUMENT, id="bad uuid"),
        pytest.param({"after_uuid": "0b6a1e3c-58f1-5b0e-9a57-0d5f1a2b3c4d"}, CODE.NOT_FOUND, id="unknown uuid"),
        pytest.param({"credit": pb.ConsumeCredit(chunks=-1)}, CODE.INVALID_ARGUMENT, id="negative credit"),
    ],
)
async def test_an_invalid_start_message_is_rejected(
    neighbours: Neighbours, gateway: str, opening: dict[str, Any], code: grpc.StatusCode
) -> None:
    log = neighbours.log("law")
    log.write(range(10))

    async with consuming(gateway) as holder:
        await holder.until("end_of_log")
        async with consuming(gateway, **({"domain": "law"} | opening)) as consumer:
            assert await consumer.ended() == code
        log.write([10])
        await holder.until("chunk")
        await holder.ack(11)
        await holder.close()


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"ack": pb.ConsumeAck(position=11)}, id="ack of what was never sent"),
        pytest.param({"credit": pb.ConsumeCredit(bytes=-5)}, id="negative credit"),
        pytest.param({"open": pb.ConsumeOpen()}, id="opened twice"),
        pytest.param({}, id="empty"),
    ],
)
async def test_a_message_that_is_not_allowed_ends_the_call(
    neighbours: Neighbours, gateway: str, message: dict[str, Any]
) -> None:
    neighbours.log("law").write(range(10))

    async with consuming(gateway) as consumer:
        await consumer.until("end_of_log")
        await consumer.say(**message)

        assert await consumer.ended() == CODE.INVALID_ARGUMENT


async def test_a_call_without_a_start_message_is_rejected(neighbours: Neighbours, gateway: str) -> None:
    async with grpc.aio.insecure_channel(gateway) as channel:
        call = channel.stream_stream("/com.alpha.backend.grpc.EmbeddingStreamService/Consume")()
        await call.done_writing()

        assert await call.code() == CODE.INVALID_ARGUMENT


async def test_a_stopping_gateway_reports_where_to_resume(neighbours: Neighbours) -> None:
    log = neighbours.log("law")
    _fill(log, 500)

    async with running_gateway(config_for(neighbours)) as address:
        stopping = consuming(address, chunk_rows=100, credit=pb.ConsumeCredit(chunks=2, bytes=10**8))
        consumer = await stopping.__aenter__()
        while len(consumer.chunks) < 2:
            await consumer.hear()
    closing = await consumer.until("closing")
    ended = await consumer.ended()
    await stopping.__aexit__(None, None, None)

    assert closing.resume_after == 200
    assert ended == CODE.UNAVAILABLE


@pytest.mark.parametrize("name", ["redis", "postgres"])
async def test_a_neighbour_killed_in_the_middle_costs_nothing(
    servers: Servers, neighbours: Neighbours, gateway: str, name: str
) -> None:
    log = neighbours.log("law")
    _fill(log, 1000)

    async with consuming(gateway, chunk_rows=50, credit=pb.ConsumeCredit(chunks=5, bytes=10**9)) as consumer:
        while len(consumer.chunks) < 5:
            await consumer.hear()
        await consumer.ack(consumer.chunks[-1].position)
        servers.kill(name)
        await consumer.say(credit=pb.ConsumeCredit(chunks=1000))
        end = await consumer.until("end_of_log")
        await consumer.ack(end.position)
        await consumer.close()

    servers.bring_back()
    log = neighbours.log("law") if name == "postgres" else log
    assert [sent.position for sent in consumer.rows] == list(range(1, 1001))
    assert _joined(consumer)
    assert await _position_is(log, 1000)


async def test_credit_is_measured_as_long_as_a_consumer_lives(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    _fill(log, 100)

    async with consuming(gateway) as consumer:
        await consumer.until("end_of_log")
        await until(_has_credit)
        await consumer.close()

    await until(_has_none)


async def test_the_error_of_a_call_reaches_the_client(neighbours: Neighbours, gateway: str) -> None:
    neighbours.log("law").write(range(10))

    async with consuming(gateway, after_position=99) as consumer:
        with pytest.raises(grpc.aio.AioRpcError, match="99 is not within 0 to the log's head, 10"):
            await consumer.hear()
