"""Consumers of a part of the log: rows that meet a filter, rows of a shard, and where a subscription starts."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import grpc
import grpc.aio
import pytest

from pc_worker.gateway.calls.consume import upcoming
from pc_worker.gateway.log import scan
from pc_worker.model.shard import shard_of
from pc_worker.store.db.connection import Database
from pc_worker.store.log.nacked_rows import NackedFilter, read_nacked_rows
from pc_worker.store.log.read import Delivery, open_pool
from pc_worker.store.log.subscription_groups import ConsumerRequest
from pc_worker.store.log.subscription_leases import Subscriptions
from pc_worker.store.log.subscriptions import list_subscriptions, reshard_subscription, seek_subscription
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.integration.gateway.conftest import Neighbours, until
from tests.integration.gateway.consumer import Consumer, consuming
from tests.integration.gateway.logfile import DomainLog

CODE = grpc.StatusCode
#: Rows of the first version with an even number of two digits.
EVEN = json.dumps(
    {
        "and": [
            {"field": "version", "op": "<=", "value": 1},
            {"field": "number", "op": "in", "value": list(range(10, 100, 2))},
        ]
    }
)


def shard(index: int, count: int) -> pb.ConsumeShard:
    return pb.ConsumeShard(index=index, count=count)


def numbers(log: DomainLog, ids: Sequence[str], upto: int = 200) -> list[int]:
    known = {log.row_id(number): number for number in range(upto)}
    return sorted(known[row_id] for row_id in ids)


async def read(address: str, table: dict[str, int] | None = None, **opening: Any) -> Consumer:
    """Read to the end, apply everything to ``table``, and acknowledge it."""
    async with consuming(address, **opening) as consumer:
        end = await consumer.until("end_of_log")
        await consumer.ack(end.position)
        await consumer.close()
    for chunk in consumer.chunks:
        assert table is not None or not chunk.tombstones
        for row_id, position in zip(chunk.rows.row_ids, chunk.rows.positions, strict=True):
            if table is not None:
                table[row_id] = position
        for dead in chunk.tombstones:
            if table is not None:
                table.pop(dead.row_id, None)
    assert end.checksum == consumer.checksum
    return consumer


async def refused(address: str, **opening: Any) -> tuple[grpc.StatusCode, str, str]:
    """Return status, details and `pcw-error` of a call that is refused."""
    async with consuming(address, **opening) as consumer:
        code = await consumer.ended()
        metadata = {key: str(value) for key, value in (await consumer.call.trailing_metadata() or ())}
        return code, str(await consumer.call.details()), metadata.get("pcw-error", "")


def positions(database: Database) -> dict[tuple[str, int], int]:
    entries = database.repeat(lambda cursor: list_subscriptions(cursor, retention_s=0))
    return {(str(entry["name"]), int(entry["shard"])): int(entry["position"]) for entry in entries}


@pytest.fixture
def database(neighbours: Neighbours) -> Any:
    opened = Database(neighbours.database_url)
    yield opened
    opened.close()


async def test_a_table_has_exactly_the_rows_that_match_whatever_happens_to_them(
    neighbours: Neighbours, gateway: str
) -> None:
    log, table = neighbours.log("law"), dict[str, int]()
    log.write(range(100))

    first = await read(gateway, table, where=[EVEN])
    assert numbers(log, first.chunks[0].rows.row_ids) == list(range(10, 100, 2))
    assert not any(chunk.tombstones for chunk in first.chunks), "a row that never matched is no deletion"

    log.write([10, 12, 13], version=2)  # these do not match any more, or never did
    log.write([14, 200], version=1)
    log.forget([16, 17])
    log.write([12], version=1)  # matches again
    await read(gateway, table, where=[EVEN])

    assert numbers(log, list(table)) == [12, 14, *range(18, 100, 2)]
    newest = {row.row_id: row.position for row in log.rows}
    assert all(newest[row_id] == position for row_id, position in table.items())


async def test_equal_filters_are_equal_however_they_are_written_and_a_new_one_starts_over(
    neighbours: Neighbours, gateway: str, database: Database
) -> None:
    log, table = neighbours.log("law"), dict[str, int]()
    log.write(range(40))
    await read(gateway, table, where=["number<10"])
    again = await read(gateway, table, where=['{"field": "number", "op": "lt", "value": 10}'])
    assert again.chunks == []

    for other in ({}, {"where": ["number>=5"]}, {"where": ["number>=5"], "after_position": 3}):
        code, details, error = await refused(gateway, **other)
        assert (code, error) == (CODE.FAILED_PRECONDITION, "subscription_differs"), details
    await read(gateway, table, where=["number>=5"], at="beginning")

    assert numbers(log, list(table)) == list(range(5, 40)), "rows of the filter before are deleted"
    database.repeat(lambda cursor: seek_subscription(cursor, "law", "s", 0))
    await read(gateway, table)
    assert len(table) == 40


@pytest.mark.parametrize(
    ("where", "why"),
    [
        (["nubmer=5"], "did you mean 'number'"),
        (["number=>5"], "there is no operator"),
        (["{"], "is no JSON"),
        (['{"field": "number"}'], "lacks 'op'"),
        (["number=5"] * 65, "too many"),
    ],
)
async def test_a_wrong_filter_is_refused_as_a_search_refuses_it(
    neighbours: Neighbours, gateway: str, where: list[str], why: str
) -> None:
    neighbours.log("law").write(range(3))

    code, details, _ = await refused(gateway, where=where)

    assert (code, why in details) == (CODE.INVALID_ARGUMENT, True), details


async def test_a_filter_once_accepted_outlives_the_last_row_with_its_field(
    neighbours: Neighbours, gateway: str
) -> None:
    log, table = neighbours.log("law"), dict[str, int]()
    log.write(range(5))
    await read(gateway, table, where=["version=1"])
    log.forget(range(5))
    with log.connection, log.connection.cursor() as cursor:
        cursor.execute("DELETE FROM payload_fields")

    await read(gateway, table, where=["version=1"])

    assert table == {}


async def test_a_long_stretch_of_other_rows_moves_the_position_without_credit_and_without_acknowledgement(
    neighbours: Neighbours, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upcoming, "PROGRESS_POSITIONS", 150)
    monkeypatch.setattr(scan, "FIRST", 100)
    monkeypatch.setattr(scan, "MOST", 100)
    log = neighbours.log("law")
    for start in range(0, 900, 100):
        log.write(range(start, start + 100))

    async with consuming(gateway, where=["number=899"], credit=pb.ConsumeCredit()) as consumer:
        passed = [(await consumer.until("progress")) for _ in range(3)]
        waiting = await _heartbeat_behind(consumer)
        await consumer.say(credit=pb.ConsumeCredit(chunks=1, bytes=2**30))
        chunk = await consumer.until("chunk")
        end = await consumer.until("end_of_log")
        await consumer.ack(chunk.position)
        trailers = await consumer.close()

    assert [passed[0].after_position, *(one.position for one in passed[:-1])] == [one.after_position for one in passed]
    assert waiting.acked_position == waiting.position >= passed[-1].position
    assert (chunk.after_position >= waiting.position, chunk.position, end.position) == (True, 900, 900)
    assert trailers["pcw-acked-position"] == "900"


async def test_a_nack_is_confirmed_while_the_log_is_searched_for_the_next_row(
    neighbours: Neighbours, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upcoming, "PROGRESS_POSITIONS", 100)
    monkeypatch.setattr(scan, "FIRST", 100)
    monkeypatch.setattr(scan, "MOST", 100)
    log, stored, confirmed = neighbours.log("law"), asyncio.Event(), asyncio.Event()
    for start in range(0, 900, 100):
        log.write(range(start, start + 100))
    rows = Delivery.rows

    async def slow_rows(delivery: Delivery, domain: str, **wanted: Any) -> Any:
        if wanted["after"] >= 300:
            await stored.wait()
        if wanted["after"] >= 700:
            await confirmed.wait()
        return await rows(delivery, domain, **wanted)

    monkeypatch.setattr(Delivery, "rows", slow_rows)
    async with consuming(gateway, where=["number=0,899"], nacks=pb.ConsumeNacks(first_delay_ms=3_600_000)) as consumer:
        await consumer.until("chunk")
        await consumer.nack(1)
        await until(lambda: _is_nacked(log))
        stored.set()
        assert list((await consumer.until("nacked")).positions) == [1]
        confirmed.set()
        assert (await consumer.until("end_of_log")).rows == 2


async def _is_nacked(log: DomainLog) -> bool:
    with log.connection, log.connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM nacked_rows)")
        return cursor.fetchone() == (True,)


async def _nack(address: str, position: int, **opening: Any) -> tuple[grpc.StatusCode, str]:
    """Read to the end, nack a position and acknowledge all; return how the call ends."""
    later = pb.ConsumeNacks(first_delay_ms=3_600_000)
    async with consuming(address, nacks=later, **opening) as consumer:
        end = await consumer.until("end_of_log")
        await consumer.nack(position)
        await consumer.ack(end.position)
        return await consumer.ended(), str(await consumer.call.details())


async def test_only_a_row_of_the_consumers_part_can_be_nacked(
    neighbours: Neighbours, gateway: str, database: Database
) -> None:
    log = neighbours.log("law")
    log.write(range(10))
    log.forget([3])
    log.write([4], version=2)
    owner = shard_of(UUID(log.row_id(5)), 2)
    parts: list[tuple[int, dict[str, Any]]] = [
        (11, {"subscription": "whole"}),  # a deletion
        (11, {"subscription": "filtered", "where": ["version=1"]}),
        (12, {"subscription": "filtered", "where": ["version=1"]}),  # sent as a deletion: it does not match any more
        (6, {"subscription": "sharded", "shard": shard(1 - owner, 2)}),
    ]

    for position, opening in parts:
        code, details = await _nack(gateway, position, **opening)
        assert (code, "cannot be nacked" in details) == (CODE.INVALID_ARGUMENT, True), details
        async with consuming(gateway, refuse_if_held=True, **opening) as again:
            assert (await again.until("opened")).position < position, "it is not acknowledged, and the lease is free"

    assert not await _is_nacked(log)


async def test_a_nack_of_a_row_with_a_newer_version_is_confirmed(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    log.write(range(10))

    async with consuming(gateway, nacks=pb.ConsumeNacks(), where=["version=1"]) as consumer:
        await consumer.until("end_of_log")
        log.write([4], version=2)
        await consumer.until("end_of_log")
        await consumer.nack(5)
        assert list((await consumer.until("nacked")).positions) == [5]

    assert not await _is_nacked(log)


async def test_a_nacked_row_of_another_part_is_not_redelivered(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    log.write(range(10))
    opening: dict[str, Any] = {"where": ["number<5"], "nacks": pb.ConsumeNacks()}
    await read(gateway, {}, where=["number<5"])
    _nack_directly(log, "s", [2, 8])

    async with consuming(gateway, **opening) as consumer:
        again = await consumer.until("redelivered")
        assert list(again.rows.positions) == [2]
        await consumer.stored(2, upto=10)
        await until(lambda: _is_settled(log))


def _nack_directly(log: DomainLog, name: str, positions: Sequence[int]) -> None:
    with log.connection, log.connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO nacked_rows (domain, name, row_id, position, deliveries, reason, due_at)"
            " SELECT domain, %s, row_id, position, 1, 'why', now() FROM log WHERE position = ANY (%s)",
            (name, list(positions)),
        )


async def _is_settled(log: DomainLog) -> bool:
    return not await _is_nacked(log)


async def test_a_row_that_two_shards_nacked_does_not_prevent_another_number_of_shards(
    neighbours: Neighbours, gateway: str, database: Database
) -> None:
    log = neighbours.log("law")
    log.write(range(10))
    for index in range(2):
        await read(gateway, {}, shard=shard(index, 2))
    for index in range(2):  # as a gateway before this version stored it
        _nack_directly(log, f"s/{index}", range(1, 6))

    await read(gateway, {}, shard=shard(0, 3))
    for index in range(3):
        _nack_directly(log, f"s/{index}", range(6, 11))
    database.repeat(partial(reshard_subscription, domain="law", name="s", shards=1))

    with log.connection, log.connection.cursor() as cursor:
        cursor.execute("SELECT name, position FROM nacked_rows ORDER BY position")
        assert cursor.fetchall() == [("s", position) for position in range(1, 11)]


async def test_a_new_filter_reaches_as_far_as_rows_were_sent(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    log.write(range(10))
    await _opened(gateway)
    pool = await open_pool(neighbours.database_url, connections=1)
    wanted = ConsumerRequest(domain="law", name="s", filter='{"of": "another"}', after=0, head=3)

    lease = await Subscriptions(Delivery(pool), most=10).acquire(wanted, only_free=False, holder="test")

    assert lease.filter_from == 10
    await pool.close()


async def _heartbeat_behind(consumer: Consumer) -> pb.ConsumeHeartbeat:
    while (answer := await consumer.hear()).WhichOneof("response") != "heartbeat" or not answer.heartbeat.needed_bytes:
        pass
    return answer.heartbeat


async def test_shards_share_the_rows_by_the_documented_hash_and_keep_their_positions(
    neighbours: Neighbours, gateway: str, database: Database
) -> None:
    log = neighbours.log("law")
    log.write(range(150))
    log.write(range(30, 60), version=2)
    log.forget([1, 2])
    found = [await read(gateway, {}, shard=shard(index, 3)) for index in range(2)]
    async with consuming(gateway, shard=shard(2, 3)) as third:
        await third.until("end_of_log")
        late = third

    for index, consumer in enumerate([*found, late]):
        expected = [row for row in log.rows if shard_of(UUID(row.row_id), 3) == index]
        assert consumer.rows == expected
        dead = [one.row_id for chunk in consumer.chunks for one in chunk.tombstones]
        assert dead == [log.row_id(n) for n in (1, 2) if shard_of(UUID(log.row_id(n)), 3) == index]
    assert positions(database) == {("s", 0): log.head, ("s", 1): log.head, ("s", 2): 0}


async def test_a_shard_is_fenced_alone(neighbours: Neighbours, gateway: str) -> None:
    neighbours.log("law").write(range(50))

    async with consuming(gateway, shard=shard(0, 2)) as first, consuming(gateway, shard=shard(1, 2)) as second:
        await first.until("end_of_log")
        await second.until("end_of_log")
        held = await refused(gateway, shard=shard(0, 2), refuse_if_held=True)
        async with consuming(gateway, shard=shard(0, 2)) as successor:
            await successor.until("end_of_log")
            assert await first.ended() == CODE.ABORTED
        await second.close()

    assert (held[0], held[2]) == (CODE.RESOURCE_EXHAUSTED, "lease_held")


async def test_another_number_of_shards_waits_until_all_positions_are_one(
    neighbours: Neighbours, gateway: str, database: Database
) -> None:
    log = neighbours.log("law")
    log.write(range(90))
    table = dict[str, int]()
    await read(gateway, table)
    log.write(range(90, 120))
    # From one consumer to two: one position, so at once.
    await read(gateway, table, shard=shard(1, 2))

    code, details, error = await refused(gateway, shard=shard(0, 3))
    assert (code, error, "`subscriptions reshard`" in details) == (
        CODE.FAILED_PRECONDITION,
        "subscription_differs",
        True,
    )
    moved = database.repeat(lambda cursor: reshard_subscription(cursor, "law", "s", 3))
    assert (moved, positions(database)) == (90, {("s", index): 90 for index in range(3)})
    for index in range(3):
        await read(gateway, table, shard=shard(index, 3))

    assert numbers(log, list(table)) == list(range(120))
    async with consuming(gateway, shard=shard(0, 3)) as consumer:
        await consumer.until("end_of_log")
        code, details, _ = await refused(gateway, shard=shard(0, 2))
    assert (code, "stop its consumers" in details) == (CODE.FAILED_PRECONDITION, True)


async def test_a_consumer_of_the_former_shards_cannot_acknowledge_after_a_reshard(
    neighbours: Neighbours, gateway: str, database: Database
) -> None:
    log = neighbours.log("law")
    log.write(range(50))

    async with consuming(gateway, shard=shard(0, 2)) as frozen:
        end = await frozen.until("end_of_log")
        with log.connection, log.connection.cursor() as cursor:  # its lease runs out unnoticed
            cursor.execute("UPDATE subscriptions SET held_until = now() - interval '1 s'")
        database.repeat(lambda cursor: reshard_subscription(cursor, "law", "s", 2))
        await frozen.ack(end.position)
        assert await frozen.ended() == CODE.ABORTED

    assert set(positions(database).values()) == {0}


@pytest.mark.parametrize("asked", [(-1, 2), (2, 2), (0, 0), (0, 129), (5, 1)])
async def test_a_shard_that_does_not_exist_is_refused(
    neighbours: Neighbours, gateway: str, asked: tuple[int, int]
) -> None:
    neighbours.log("law").write(range(3))

    assert (await refused(gateway, shard=shard(*asked)))[0] == CODE.INVALID_ARGUMENT


async def test_where_a_new_subscription_starts(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    log.write(range(30))
    with log.connection, log.connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        ((between,),) = cursor.fetchall()
        cursor.execute("UPDATE log_batches SET committed_at = committed_at - interval '1 hour'")
    log.write(range(30, 50))

    for name, first, at in (("a", "", 0), ("b", "beginning", 0), ("c", "7", 7), ("d", "now", 50)):
        assert (await _opened(gateway, subscription=name, first_at=first)).position == at
    assert (await _opened(gateway, subscription="e", first_at=between.isoformat(), shard=shard(1, 2))).position == 30
    assert (await _opened(gateway, subscription="e", first_at="now", shard=shard(0, 2))).position == 30
    assert (await _opened(gateway, subscription="d", first_at="beginning")).position == 50
    assert (await _opened(gateway, subscription="d", at=between.isoformat())).position == 30
    assert (await _opened(gateway, subscription="d", at="now", first_at="3")).position == 50
    for wrong in ({"first_at": "51"}, {"at": "51"}, {"at": "tomorrow"}, {"first_at": "-1"}):
        assert (await refused(gateway, subscription="f", **wrong))[0] == CODE.INVALID_ARGUMENT


async def _opened(address: str, **opening: Any) -> pb.ConsumeOpened:
    async with consuming(address, **opening) as consumer:
        opened = await consumer.until("opened")
        await consumer.close()
    assert isinstance(opened, pb.ConsumeOpened)
    return opened


async def test_now_is_when_the_consumer_came_also_before_the_first_row(neighbours: Neighbours, gateway: str) -> None:
    async with consuming(gateway, "document", first_at="now") as consumer:
        await consumer.until("end_of_log")
        log = neighbours.log("document")
        await asyncio.to_thread(log.write, range(10))
        assert await consumer.ended() == CODE.UNAVAILABLE

    async with consuming(gateway, "document", first_at="now") as consumer:
        await consumer.until("end_of_log")

    assert consumer.rows == log.rows


@pytest.mark.parametrize("seed", range(3))
async def test_filtered_shards_together_make_the_table_of_the_filter(
    neighbours: Neighbours, gateway: str, seed: int
) -> None:
    """Random writes and deletions between calls that end anywhere."""
    chance, log = random.Random(seed), neighbours.log("law")
    tables: list[dict[str, int]] = [{}, {}]
    versions: dict[int, int] = {}
    for _ in range(8):
        for number in chance.sample(range(60), 12):
            versions[number] = chance.randint(1, 3)
        for version in (1, 2, 3):
            if some := [n for n, found in versions.items() if found == version and chance.random() < 0.5]:
                log.write(some, version=version)
        await _apply_some(gateway, tables, chance)
    for version in (1, 2, 3):
        if mine := [number for number, found in versions.items() if found == version]:
            log.write(mine, version=version)
    if gone := [number for number in list(versions) if number % 7 == 3]:
        log.forget(gone)
    for index, table in enumerate(tables):
        await read(gateway, table, where=["version!=2"], shard=shard(index, 2))

    joined = tables[0] | tables[1]
    assert len(joined) == len(tables[0]) + len(tables[1])
    expected = {n for n, version in versions.items() if version != 2 and n not in gone}
    assert set(numbers(log, list(joined))) == expected


async def _apply_some(address: str, tables: list[dict[str, int]], chance: random.Random) -> None:
    index = chance.randrange(2)
    async with consuming(address, where=["version!=2"], shard=shard(index, 2), chunk_rows=5) as consumer:
        while (answer := await consumer.hear()).WhichOneof("response") != "end_of_log":
            if answer.HasField("chunk"):
                chunk = answer.chunk
                tables[index] |= dict(zip(chunk.rows.row_ids, chunk.rows.positions, strict=True))
                for dead in chunk.tombstones:
                    tables[index].pop(dead.row_id, None)
                await consumer.ack(chunk.position)
                if chance.random() < 0.3:
                    break
        await consumer.call.done_writing()
        await consumer.ended()


async def test_nacked_rows_go_with_their_shards_and_are_found_by_the_name_of_all(
    neighbours: Neighbours, gateway: str, database: Database
) -> None:
    log = neighbours.log("law")
    log.write(range(20))
    for index in range(2):
        await read(gateway, {}, shard=shard(index, 2))
    with log.connection, log.connection.cursor() as cursor:
        for row in log.rows:
            values = (f"s/{shard_of(UUID(row.row_id), 2)}", row.row_id, row.position)
            cursor.execute(
                "INSERT INTO nacked_rows (domain, name, row_id, position, deliveries, reason)"
                " VALUES ('law', %s, %s, %s, 1, 'why')",
                values,
            )

    for count in (3, 1):
        database.repeat(partial(reshard_subscription, domain="law", name="s", shards=count))
        found = database.repeat(
            lambda cursor: read_nacked_rows(
                cursor, NackedFilter(domains=("law",), name="s"), state="dead", with_rows=False, limit=100
            )
        )
        keys = {row.row_id: row.subscription for row in found}
        assert keys == {row.row_id: "s" if count == 1 else f"s/{shard_of(UUID(row.row_id), count)}" for row in log.rows}
