"""The fake rejects what the stock server rejects: a push that it accepts is accepted by the real one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import grpc
import pytest

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.generated.embedding_stream_pb2_grpc import EmbeddingStreamServiceStub
from tests.integration.push.domain_log import payload_of
from tests.support.batch_server import StockBatchServer

VECTOR = [0.5] * 1536


def a_row(domain: str = "recruit", number: int = 1, **changes: Any) -> dict[str, Any]:
    vector = "skill_vector" if domain == "skill_dic" else "skills_vector"
    return payload_of(domain, number) | {vector: VECTOR} | changes


def array(*rows: dict[str, Any]) -> bytes:
    return json.dumps(rows).encode()


def send(server: StockBatchServer, chunks: Sequence[bytes], *, domain: str | None = "recruit") -> pb.IngestDataResponse:
    requests = [pb.IngestDataRequest(data_chunk=chunk) for chunk in chunks]
    if domain is not None:
        requests.insert(0, pb.IngestDataRequest(metadata=pb.IngestMetadata(domain=domain)))
    with grpc.insecure_channel(server.address) as channel:
        answer: pb.IngestDataResponse = EmbeddingStreamServiceStub(channel).IngestDataStream(iter(requests), timeout=30)
    return answer


def refusal(server: StockBatchServer, chunks: Sequence[bytes], *, domain: str | None = "recruit") -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        send(server, chunks, domain=domain)
    code: grpc.StatusCode = caught.value.code()
    return code


@pytest.mark.parametrize(
    ("domain", "chunk"),
    [
        pytest.param("Recruit", array(a_row()), id="another case of the domain"),
        pytest.param("document", array(), id="unknown domain"),
        pytest.param(None, array(), id="chunk before metadata"),
        pytest.param("recruit", b"{}", id="no array"),
        pytest.param("recruit", b"", id="empty bytes"),
        pytest.param("recruit", array(a_row(id="no-uuid")), id="bad uuid"),
        pytest.param("recruit", array(a_row(id=None)), id="no id"),
        pytest.param("recruit", array(a_row(published_at="2021-07-01")), id="date without offset"),
        pytest.param("recruit", array(a_row(skills_vector=VECTOR[1:])), id="dimension"),
        pytest.param("skill_dic", array(a_row("skill_dic", skill_vector=VECTOR[1:])), id="dimension, by the database"),
        pytest.param("recruit", array(a_row(skills_vector=[*VECTOR[1:], float("nan")])), id="NaN"),
        pytest.param("recruit", array(a_row(skills_vector=[*VECTOR[1:], None])), id="null inside"),
        pytest.param("recruit", array(a_row(skills_vector=json.dumps(VECTOR))), id="vector as text"),
        pytest.param("recruit", array(a_row(experience_years="5y")), id="years as other text"),
        pytest.param("recruit", array(a_row(experience_years=True)), id="years as boolean"),
        pytest.param("recruit", array(a_row(experience_years=0)), id="check of the table"),
        pytest.param("recruit", array(a_row(position=None)), id="not null of the table"),
        pytest.param("recruit", array(a_row(), a_row()), id="an id twice"),
        pytest.param("recruit", array(a_row(skills=["a", "a"])), id="a skill twice"),
        pytest.param("recruit", array(a_row(skills=[str(n) for n in range(16_384)])), id="bind values"),
        pytest.param("candidate", array(a_row("candidate", skills=None)), id="no skills of a candidate"),
        pytest.param("skill_dic", array(a_row("skill_dic", skill=None)), id="no skill"),
        pytest.param("recruit", array(a_row(position="\0")), id="NUL"),
    ],
)
def test_every_fault_is_internal(server: StockBatchServer, domain: str | None, chunk: bytes) -> None:
    assert refusal(server, [chunk], domain=domain) is grpc.StatusCode.INTERNAL


def test_a_message_over_4_mib_is_cancelled(server: StockBatchServer) -> None:
    assert refusal(server, [b" " * 4_194_304]) is grpc.StatusCode.CANCELLED


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(a_row(experience_years="5"), id="years as text"),
        pytest.param(a_row(experience_years=3.7), id="years are cut"),
        pytest.param(a_row(skills=None), id="no skills of a post"),
        pytest.param(a_row(published_at=""), id="empty time"),
        pytest.param(a_row(id="1-1-1-1-1"), id="a short uuid"),
        pytest.param(a_row(unknown=[1]), id="unknown field"),
    ],
)
def test_unusual_input_that_it_accepts(server: StockBatchServer, row: dict[str, Any]) -> None:
    answer = send(server, [array(row)])

    assert (answer.success, answer.received_chunks) == (True, 1)
    assert len(server.tables.recruit) == 1


@pytest.mark.parametrize(("domain", "chunks"), [(None, []), ("recruit", []), ("recruit", [b"[]"])])
def test_empty_calls_succeed(server: StockBatchServer, domain: str | None, chunks: list[bytes]) -> None:
    answer = send(server, chunks, domain=domain)

    assert (answer.success, answer.received_chunks) == (True, len(chunks))


def test_a_failed_chunk_writes_nothing_before_the_database_and_ends_the_call(server: StockBatchServer) -> None:
    chunks = [array(a_row(number=1)), array(a_row(number=2), a_row(number=3, id="x")), array(a_row(number=4))]

    assert refusal(server, chunks) is grpc.StatusCode.INTERNAL
    assert [row["position"] for row in server.tables.recruit.values()] == ["개발자 1"]


def test_a_failed_child_table_leaves_the_others_committed(server: StockBatchServer) -> None:
    assert refusal(server, [array(a_row(skills=["a", "a"]))]) is grpc.StatusCode.INTERNAL

    tables = server.tables
    assert (len(tables.recruit), len(tables.recruit_description), len(tables.recruit_skill)) == (1, 1, 0)


def test_a_skill_without_category_is_dropped_and_reported_as_success(server: StockBatchServer) -> None:
    answer = send(server, [array(a_row("skill_dic", position_category=" "))], domain="skill_dic")

    assert answer.success
    assert server.tables.skill_embedding_dic == {}


def test_upserts_overwrite_with_null_and_never_remove_a_skill(server: StockBatchServer) -> None:
    send(server, [array(a_row(skills=["a"]))])
    send(server, [array(a_row(skills=["b"], description_lang=None))])

    (described,) = server.tables.recruit_description.values()
    assert described["description_lang"] is None
    assert {skill for _, skill in server.tables.recruit_skill} == {"a", "b"}
