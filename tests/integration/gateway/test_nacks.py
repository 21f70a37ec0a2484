"""Rows that a consumer cannot store: redelivered, counted, dead letters in the end, never lost."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from pc_worker.gateway.calls.consume.session import ConsumeSession
from pc_worker.store.log import nacks
from pc_worker.store.log.nacks import MAX_REASON
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.integration.gateway.conftest import Neighbours, config_for, running_gateway, until
from tests.integration.gateway.consumer import Consumer, consuming
from tests.integration.gateway.logfile import DomainLog
from tests.integration.gateway.servers import Servers

CODE = grpc.StatusCode
QUICK = pb.ConsumeNacks(max_deliveries=3, first_delay_ms=10)
LATE = pb.ConsumeNacks(max_deliveries=3, first_delay_ms=3_600_000)


def _nacked(log: DomainLog) -> list[tuple[Any, ...]]:
    """Return row id, deliveries, reason and whether it is dead of each nacked row."""
    with log.connection, log.connection.cursor() as cursor:
        cursor.execute("SELECT row_id::text, deliveries, reason, due_at IS NULL FROM nacked_rows ORDER BY position")
        return cursor.fetchall()


def _position(log: DomainLog) -> int:
    with log.connection, log.connection.cursor() as cursor:
        cursor.execute("SELECT position FROM subscriptions WHERE name = 's'")
        (position,) = cursor.fetchone() or (0,)
    return int(position)


async def _again(consumer: Consumer) -> tuple[list[int], list[str], list[int]]:
    """Wait for a redelivery; return its positions, row ids and deliveries."""
    found = await consumer.until("redelivered")
    return list(found.rows.positions), list(found.rows.row_ids), list(found.deliveries)


async def test_a_nacked_row_comes_again_until_it_is_a_dead_letter_and_the_rest_goes_on(
    neighbours: Neighbours, gateway: str
) -> None:
    log = neighbours.log("law")
    log.write(range(10))

    async with consuming(gateway, nacks=QUICK) as consumer:
        assert (await consumer.until("opened")).max_deliveries == 3
        await consumer.until("end_of_log")
        await consumer.nack(4, "first\nline\x00 \x1b[31m")
        await consumer.ack(10)
        assert list((await consumer.until("nacked")).positions) == [4]
        again = [await _again(consumer)]
        await consumer.nack(4, "again")
        again.append(await _again(consumer))
        log.write([100])
        while consumer.rows[-1].row_id != log.row_id(100):
            await consumer.hear()
        await consumer.nack(4, "at last")
        await consumer.ack(11)
        await consumer.until("nacked")
        await consumer.close()

    assert again == [([4], [log.row_id(3)], [2]), ([4], [log.row_id(3)], [3])]
    sent = [answer.redelivered.rows for answer in consumer.answers if answer.HasField("redelivered")]
    assert {chunk.document.rows[0].id for chunk in sent} == {log.row_id(3)}
    assert _nacked(log) == [(log.row_id(3), 3, "at last", True)]
    assert _position(log) == 11


async def test_a_redelivered_row_that_is_stored_is_no_nacked_row_any_more(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    log.write(range(10))

    async with consuming(gateway, nacks=QUICK) as consumer:
        await consumer.until("end_of_log")
        await consumer.nack(4)
        await consumer.ack(10)
        await _again(consumer)
        await consumer.stored(4)
        await consumer.close()

    assert _nacked(log) == []


async def test_a_reason_is_one_line_of_bounded_length(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    log.write(range(3))

    async with consuming(gateway, nacks=LATE) as consumer:
        await consumer.until("end_of_log")
        await consumer.nack(1, "a\r\nb\x00\x1b[31m\u202e c")
        await consumer.nack(2, "x" * MAX_REASON)
        await consumer.until("nacked")
        await consumer.close()

    assert [reason for _, _, reason, _ in _nacked(log)] == ["a b [31m  c", "x" * MAX_REASON]


@pytest.mark.parametrize(
    ("opening", "message"),
    [
        ({}, {"nack": pb.ConsumeNack(position=1, reason="r")}),
        ({}, {"ack": pb.ConsumeAck(position=1, redelivered=[1])}),
        ({"nacks": QUICK}, {"nack": pb.ConsumeNack(position=4, reason="r")}),
        ({"nacks": QUICK}, {"nack": pb.ConsumeNack(position=0, reason="r")}),
        ({"nacks": QUICK}, {"nack": pb.ConsumeNack(position=-1, reason="r")}),
        ({"nacks": QUICK}, {"nack": pb.ConsumeNack(position=1, reason=" \n")}),
        ({"nacks": QUICK}, {"nack": pb.ConsumeNack(position=1, reason="x" * (MAX_REASON + 1))}),
        ({"nacks": pb.ConsumeNacks(max_deliveries=101)}, {}),
        ({"nacks": pb.ConsumeNacks(max_deliveries=-1)}, {}),
        ({"nacks": pb.ConsumeNacks(first_delay_ms=5)}, {}),
        ({"nacks": pb.ConsumeNacks(first_delay_ms=3_600_001)}, {}),
    ],
)
async def test_what_is_not_allowed_ends_the_call(
    neighbours: Neighbours, gateway: str, opening: dict[str, Any], message: dict[str, Any]
) -> None:
    log = neighbours.log("law")
    log.write(range(3))

    async with consuming(gateway, **opening) as consumer:
        if message:
            await consumer.until("end_of_log")
            await consumer.say(**message)
        ended = await consumer.ended()

    assert ended == CODE.INVALID_ARGUMENT
    assert _nacked(log) == []


async def test_a_nack_outlives_the_call_and_a_client_without_nacks_gets_no_redelivery(
    neighbours: Neighbours, gateway: str
) -> None:
    log = neighbours.log("law")
    log.write(range(10))

    async with consuming(gateway, nacks=QUICK) as first:
        await first.until("end_of_log")
        await first.nack(4)
        await first.ack(10)
        await until(lambda: _is_stored(log, 10))
    async with consuming(gateway) as second:
        opened = await second.until("opened")
        log.write([50])
        await second.until("chunk")
        await second.close()
    async with consuming(gateway, nacks=QUICK) as third:
        again = await _again(third)

    assert (opened.position, opened.max_deliveries) == (10, 0)
    assert not any(answer.HasField("redelivered") for answer in second.answers)
    assert again[0] == [4]
    assert again[2][0] >= 2


async def _is_stored(log: DomainLog, position: int) -> bool:
    await asyncio.sleep(0)
    return bool(_nacked(log)) and _position(log) == position


async def test_a_redelivery_without_an_answer_counts_and_ends_as_a_dead_letter(
    neighbours: Neighbours, gateway: str
) -> None:
    """A consumer that dies of the row again and again never nacks it a second time."""
    log = neighbours.log("law")
    log.write(range(10))

    async with consuming(gateway, nacks=QUICK) as first:
        await first.until("end_of_log")
        await first.nack(4, "no memory")
        await first.ack(10)
        await _again(first)
    async with consuming(gateway, nacks=QUICK) as second:
        _, _, deliveries = await _again(second)
    async with consuming(gateway, nacks=QUICK) as third:
        await third.until("end_of_log")
        await until(lambda: _is_dead(log))
        await third.close()

    reason = "delivered 3 times, the last time without an answer; before: no memory"
    assert deliveries == [3]
    assert _nacked(log) == [(log.row_id(3), 3, reason, True)]


async def test_a_redelivery_that_was_not_read_does_not_count_if_the_call_ends_in_order(
    neighbours: Neighbours, gateway: str
) -> None:
    log = neighbours.log("law")
    log.write(range(10))

    async with consuming(gateway, nacks=QUICK) as first:
        await first.until("end_of_log")
        await first.nack(4)
        await first.ack(10)
        await _again(first)
        await first.close()
    stored = _nacked(log)
    async with consuming(gateway, nacks=QUICK) as second:
        _, _, deliveries = await _again(second)

    assert [count for _, count, _, _ in stored] == [1]
    assert deliveries == [2]


async def _is_dead(log: DomainLog) -> bool:
    await asyncio.sleep(0)
    return all(dead for *_, dead in _nacked(log))


async def test_rows_of_calls_that_broke_off_are_counted(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    log.write(range(100))
    log.write(range(100, 200))

    for upto in (100, 200):
        credit = pb.ConsumeCredit(chunks=upto // 100, bytes=2**40)
        async with consuming(gateway, credit=credit, chunk_rows=100) as broken:
            while not broken.chunks or broken.chunks[-1].position < upto:
                await broken.hear()
        await until(lambda: _is_free(log))
    async with consuming(gateway, nacks=QUICK, chunk_rows=50) as consumer:
        await consumer.until("end_of_log")
        counts = [list(chunk.deliveries) for chunk in consumer.chunks]
        await consumer.nack(50)
        await consumer.ack(150)
        await consumer.close()
    async with consuming(gateway) as last:
        await last.until("end_of_log")
        rest = [list(chunk.deliveries) for chunk in last.chunks]
        await last.close()
    async with consuming(gateway) as closed:
        await closed.until("end_of_log")

    assert counts == [[3], [3], [2], [2]]
    assert _nacked(log) == [(log.row_id(49), 3, "does not fit", True)]
    assert rest == [[2]]
    assert [list(chunk.deliveries) for chunk in closed.chunks] == [[2]]


async def _is_free(log: DomainLog) -> bool:
    await asyncio.sleep(0)
    with log.connection, log.connection.cursor() as cursor:
        cursor.execute("SELECT held_until IS NULL FROM subscriptions WHERE name = 's'")
        return cursor.fetchone() == (True,)


@pytest.mark.parametrize("change", ["newer version", "deletion"])
async def test_a_newer_version_or_a_deletion_takes_the_place_of_a_nacked_row(
    neighbours: Neighbours, gateway: str, change: str
) -> None:
    log = neighbours.log("law")
    log.write(range(10))

    async with consuming(gateway, nacks=QUICK) as consumer:
        await consumer.until("end_of_log")
        if change == "deletion":
            log.forget([3])
        else:
            log.write([3], version=2)
        await consumer.nack(4)
        while consumer.chunks[-1].position < 11:
            await consumer.hear()
        await consumer.nack(5, "still live")
        await consumer.ack(11)
        again = await _again(consumer)
        await consumer.close()

    assert again[0] == [5]
    assert [row_id for row_id, *_ in _nacked(log)] == [log.row_id(4)]


async def test_a_row_that_changes_before_its_redelivery_comes_in_the_logs_order_only(
    neighbours: Neighbours, gateway: str
) -> None:
    log = neighbours.log("law")
    log.write(range(10))
    slow = pb.ConsumeNacks(first_delay_ms=200)

    async with consuming(gateway, nacks=slow) as consumer:
        await consumer.until("end_of_log")
        await consumer.nack(4)
        await consumer.nack(5)
        await consumer.until("nacked")
        log.write([3], version=2)
        again = await _again(consumer)
        await consumer.close()

    assert again[0] == [5]
    assert [sent for sent in consumer.rows if sent.position == 11] == [log.rows[-1]]


async def test_a_row_that_was_nacked_before_the_clock_was_set_back_does_not_wait(
    neighbours: Neighbours, gateway: str
) -> None:
    log = neighbours.log("law")
    log.write(range(10))
    async with consuming(gateway, nacks=LATE) as consumer:
        await consumer.until("end_of_log")
        await consumer.nack(4)
        await consumer.ack(10)
        await consumer.until("nacked")
        await consumer.close()
    with log.connection, log.connection.cursor() as cursor:
        cursor.execute("UPDATE nacked_rows SET due_at = due_at + interval '2 h'")

    async with consuming(gateway, nacks=LATE) as consumer:
        assert await _again(consumer) == ([4], [log.row_id(3)], [2])


async def test_a_redelivery_waits_for_credit_and_is_not_part_of_the_totals(
    neighbours: Neighbours, gateway: str
) -> None:
    log = neighbours.log("law")
    log.write(range(10))

    async with consuming(
        gateway, nacks=QUICK, credit=pb.ConsumeCredit(chunks=1, bytes=2**40), heartbeat_s=1
    ) as consumer:
        await consumer.until("end_of_log")
        await consumer.nack(4)
        await consumer.ack(10)
        await consumer.until("nacked")
        await consumer.until("heartbeat")
        waited = not any(answer.HasField("redelivered") for answer in consumer.answers)
        await consumer.say(credit=pb.ConsumeCredit(chunks=2))
        await _again(consumer)
        log.write([20])
        end = await consumer.until("end_of_log")

    assert waited
    assert (end.rows, end.checksum) == (11, consumer.checksum)


async def test_a_redelivery_that_is_never_answered_ends_the_call(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    log.write(range(10))

    async with consuming(gateway, nacks=QUICK, ack_deadline_s=1) as consumer:
        await consumer.until("end_of_log")
        await consumer.nack(4)
        await consumer.ack(10)
        await _again(consumer)

        assert await consumer.ended() == CODE.DEADLINE_EXCEEDED


async def test_no_nack_is_lost_while_the_database_is_away(
    neighbours: Neighbours, servers: Servers, gateway: str
) -> None:
    log = neighbours.log("law")
    log.write(range(10))

    async with consuming(gateway, nacks=QUICK) as consumer:
        await consumer.until("end_of_log")
        with servers.down("postgres"):
            await consumer.nack(4)
            await consumer.ack(10)
        await consumer.until("nacked")
        again = await _again(consumer)
        await consumer.close()

    fresh = neighbours.log("law")
    assert again[0] == [4]
    assert _position(fresh) == 10
    assert [row_id for row_id, *_ in _nacked(fresh)] == [log.row_id(3)]


async def test_a_fenced_consumer_cannot_store_an_answer(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    log.write(range(10))

    async with running_gateway(config_for(neighbours)) as other, consuming(gateway, nacks=LATE) as first:
        await first.until("end_of_log")
        async with consuming(other, nacks=LATE) as second:
            await second.until("end_of_log")
            assert await first.ended() == CODE.ABORTED
            await second.nack(2)
            await second.ack(10)
            await second.close()

    assert [row_id for row_id, *_ in _nacked(log)] == [log.row_id(1)]


async def test_a_refused_nack_discards_no_other_answer_of_the_same_save(
    neighbours: Neighbours, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = neighbours.log("law")
    log.write(range(10))
    log.forget([9])
    save = ConsumeSession._save_with_retries

    async def save_at_the_end(of: ConsumeSession) -> None:
        await until(lambda: _is_half_closed(of))
        await save(of)

    async with consuming(gateway, nacks=QUICK) as consumer:
        await consumer.until("end_of_log")
        await consumer.nack(4)
        await _again(consumer)
        monkeypatch.setattr(ConsumeSession, "_save_with_retries", save_at_the_end)
        await consumer.nack(11)
        await consumer.nack(8)
        await consumer.stored(4, upto=11)
        await consumer.call.done_writing()
        assert await consumer.ended() == CODE.INVALID_ARGUMENT
    await until(lambda: _is_free(log))

    assert _nacked(log) == []
    assert _position(log) == 7


async def _is_half_closed(of: ConsumeSession) -> bool:
    await asyncio.sleep(0)
    return of._half_closed


async def test_too_many_nacks_end_the_call_and_leave_the_lease_free_and_the_rows_to_come(
    neighbours: Neighbours, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nacks, "MAX_NACKED", 2)
    log = neighbours.log("law")
    log.write(range(10))

    async with consuming(gateway, nacks=LATE) as greedy:
        await greedy.until("end_of_log")
        for position in (1, 2, 3):
            await greedy.nack(position)
        ended, error = await greedy.ended(), await greedy.error()
    await until(lambda: _is_free(log))
    refused = _nacked(log)
    async with consuming(gateway, nacks=LATE, refuse_if_held=True) as patient:
        await patient.until("end_of_log")
        await patient.nack(1)
        await patient.nack(2)
        await patient.ack(10)
        await patient.close()

    assert (ended, error) == (CODE.RESOURCE_EXHAUSTED, "quota_exceeded")
    assert len(refused) <= 2
    assert [sent.position for sent in patient.rows] == list(range(1, 11))
    assert [row_id for row_id, *_ in _nacked(log)] == [log.row_id(0), log.row_id(1)]
    assert _position(log) == 10
