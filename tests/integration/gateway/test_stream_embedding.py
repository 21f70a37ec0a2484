from __future__ import annotations

from typing import Any
from uuid import uuid4

import grpc
import pytest

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.integration.gateway.client import SERVICE, stream
from tests.integration.gateway.conftest import Neighbours
from tests.integration.gateway.logfile import DomainLog
from tests.unit.hot_buffer.stock import stock_messages

OK = grpc.StatusCode.OK
INVALID = grpc.StatusCode.INVALID_ARGUMENT


def _fill(log: DomainLog, rows: int, *, batch: int = 100, push: bool = True) -> None:
    for start in range(0, rows, batch):
        log.write(range(start, min(start + batch, rows)), push=push)


@pytest.mark.parametrize("domain", ["recruit", "candidate", "skill_dic", "law"])
@pytest.mark.parametrize("pushed", [pytest.param(True, id="from the queue"), pytest.param(False, id="from the log")])
async def test_stream_gives_every_row_in_log_order(
    neighbours: Neighbours, gateway: str, domain: str, pushed: bool
) -> None:
    log = neighbours.log(domain)
    _fill(log, 700, push=pushed)

    received = await stream(gateway, domain=domain)

    assert (received.code, received.details) == (OK, "")
    assert received.rows == log.rows


async def test_stock_client_reads_every_field_of_every_row(neighbours: Neighbours, gateway: str) -> None:
    """A client built from the published field table alone, 1536 floats a row, chunks of 300."""
    log = neighbours.log("recruit", dimension=1536)
    _fill(log, 650, batch=300)
    stock = stock_messages()
    request = stock["StreamEmbeddingRequest"](domain="recruit", chunk_size=300)

    async with grpc.aio.insecure_channel(gateway) as channel:
        method = channel.unary_stream(
            f"{SERVICE}/StreamEmbedding",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=stock["RowChunk"].FromString,
        )
        chunks = [chunk async for chunk in method(request)]

    assert [chunk.WhichOneof("chunk_data") for chunk in chunks] == ["recruit"] * 3
    rows = [row for chunk in chunks for row in chunk.recruit.rows]
    assert [row.id for row in rows] == [sent.row_id for sent in log.rows]
    assert all(len(row.skills_vector) == 1536 for row in rows)
    expected = [stock["RecruitRow"].FromString(sent.message) for sent in log.rows]
    assert rows == expected


@pytest.mark.parametrize("checkpoint", ["last_processed_uuid", "after_position"])
@pytest.mark.parametrize("at", [0, 99, 123, 699])
@pytest.mark.parametrize("pushed", [True, False])
async def test_resume_gives_exactly_the_rest(
    neighbours: Neighbours, gateway: str, checkpoint: str, at: int, pushed: bool
) -> None:
    log = neighbours.log("recruit")
    _fill(log, 700, push=pushed)
    given: dict[str, Any] = {checkpoint: log.rows[at].row_id if "uuid" in checkpoint else log.rows[at].position}

    received = await stream(gateway, domain="recruit", **given)

    assert received.code == OK
    assert received.rows == log.rows[at + 1 :]


@pytest.mark.parametrize("chunk_size", [1, 7, 299, 1000])
@pytest.mark.parametrize("pushed", [True, False])
async def test_chunk_size_bounds_rows_and_changes_nothing_else(
    neighbours: Neighbours, gateway: str, chunk_size: int, pushed: bool
) -> None:
    log = neighbours.log("law")
    _fill(log, 400, push=pushed)

    received = await stream(gateway, domain="law", chunk_size=chunk_size)

    assert received.rows == log.rows
    assert max(len(chunk.row_ids) for chunk in received.chunks) <= chunk_size


@pytest.mark.parametrize("pushed", [True, False])
async def test_no_message_exceeds_four_mebibytes(neighbours: Neighbours, gateway: str, pushed: bool) -> None:
    log = neighbours.log("law")
    log.write(range(40), text_bytes=300_000, push=pushed)
    log.write(range(40, 43), text_bytes=3_900_000, push=pushed)

    received = await stream(gateway, domain="law", chunk_size=1000)

    assert received.rows == log.rows
    assert max(map(len, received.messages)) <= 4 * 1024 * 1024


async def test_trailers_contain_the_last_row_of_the_call(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("recruit")
    _fill(log, 250)
    last = log.rows[-1].row_id

    whole = await stream(gateway, domain="recruit")
    nothing = await stream(gateway, domain="recruit", last_processed_uuid=last)
    position = await stream(gateway, domain="recruit", after_position=250)

    expected = {"pcw-rows": "250", "pcw-last-uuid": last, "pcw-last-position": "250", "pcw-head": "250"}
    assert whole.trailers == expected
    assert nothing.trailers == expected | {"pcw-rows": "0"}
    assert position.trailers == expected | {"pcw-rows": "0", "pcw-last-uuid": ""}


async def test_a_domain_without_rows_is_complete_at_once(neighbours: Neighbours, gateway: str) -> None:
    received = await stream(gateway, domain="skill_dic", last_processed_uuid="")

    assert (received.code, received.messages, received.trailers["pcw-head"]) == (OK, [], "0")


@pytest.mark.parametrize(
    ("request_fields", "code"),
    [
        pytest.param({"domain": "Recruit"}, INVALID, id="domain in other case"),
        pytest.param({"domain": ""}, INVALID, id="no domain"),
        pytest.param({"domain": "recruit", "chunk_size": -1}, INVALID, id="chunk size below 0"),
        pytest.param({"domain": "recruit", "chunk_size": 1001}, INVALID, id="chunk size over 1000"),
        pytest.param({"domain": "recruit", "after_position": -1}, INVALID, id="position below 0"),
        pytest.param({"domain": "recruit", "after_position": 11}, INVALID, id="position beyond the head"),
        pytest.param({"domain": "recruit", "last_processed_uuid": "1-1-1-1-1"}, INVALID, id="bad uuid"),
        pytest.param(
            {"domain": "recruit", "last_processed_uuid": str(uuid4()).upper()}, INVALID, id="uuid in capitals"
        ),
        pytest.param(
            {"domain": "recruit", "last_processed_uuid": str(uuid4())}, grpc.StatusCode.NOT_FOUND, id="unknown uuid"
        ),
    ],
)
async def test_an_invalid_request_is_rejected(
    neighbours: Neighbours, gateway: str, request_fields: dict[str, Any], code: grpc.StatusCode
) -> None:
    neighbours.log("recruit").write(range(10))

    received = await stream(gateway, **request_fields)

    assert (received.code, received.messages) == (code, [])
    assert received.details


async def test_bytes_that_are_no_request_are_rejected(gateway: str) -> None:
    async with grpc.aio.insecure_channel(gateway) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_stream(f"{SERVICE}/StreamEmbedding")(b"\xff\xff\xff").read()

    assert refused.value.code() == INVALID


async def test_changed_rows_are_sent_once_at_their_newest_position(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("recruit")
    _fill(log, 300)
    log.write(range(50, 60), version=2)
    log.write([55, 250], version=3)

    received = await stream(gateway, domain="recruit")

    assert received.rows == log.rows
    assert received.trailers["pcw-head"] == "312"


async def test_a_uuid_means_the_first_position_that_its_row_ever_had(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("recruit")
    _fill(log, 200)
    log.write([20], version=2)

    received = await stream(gateway, domain="recruit", last_processed_uuid=log.row_id(20))

    assert received.rows == [sent for sent in log.rows if sent.position > 21]


async def test_deleted_rows_are_left_out_and_remain_checkpoints(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("recruit")
    _fill(log, 200)
    forgotten = log.row_id(150)
    log.forget([10, 150])

    whole = await stream(gateway, domain="recruit")
    rest = await stream(gateway, domain="recruit", last_processed_uuid=forgotten)

    assert whole.rows == log.rows
    assert (whole.trailers["pcw-last-position"], whole.trailers["pcw-head"]) == ("200", "202")
    assert rest.rows == [sent for sent in log.rows if sent.position > 151]


async def test_null_and_zero_arrive_as_what_they_are(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("recruit")
    log.write([0, 20])

    received = await stream(gateway, domain="recruit")

    null, zero = received.chunks[0].recruit.rows
    assert (null.HasField("experience_years"), zero.HasField("experience_years")) == (False, True)
    assert isinstance(received.chunks[0], pb.RowChunk)


async def test_a_row_too_large_for_a_message_is_rejected_by_name(neighbours: Neighbours, gateway: str) -> None:
    log = neighbours.log("law")
    log.write(range(3))
    entry = log.write([7], text_bytes=4_400_000, push=False)

    received = await stream(gateway, domain="law")

    assert received.code == grpc.StatusCode.FAILED_PRECONDITION
    assert entry.block.row_id(0) in received.details
    assert max(map(len, received.messages)) < 4 * 1024 * 1024
