"""The plain reader against a wicked gateway: a stream cut short is an error, never an end."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.java.fake_gateway import FakeGateway, row_id, rows
from tests.java.reading import read_rows
from tests.support.java import Java

pytestmark = pytest.mark.java


def trailers(context: grpc.ServicerContext, count: int, last: int) -> None:
    context.set_trailing_metadata((("pcw-rows", str(count)), ("pcw-last-position", str(last))))


def whole(request: pb.StreamEmbeddingRequest, context: grpc.ServicerContext) -> Iterator[pb.RowChunk]:
    yield rows(1, 10)
    yield rows(11, 20)
    trailers(context, 20, 20)


def documents(request: pb.StreamEmbeddingRequest, context: grpc.ServicerContext) -> Iterator[pb.RowChunk]:
    document = pb.DocumentRow(id=row_id(1), key="note-1", model="small@2", payload_json="{}")
    document.passages.add(start=0, end=5, vector=[0.5, 0.5, 0.5])
    document.passages.add(start=5, end=9, vector=[1, 0, 0])
    yield pb.RowChunk(document=pb.DocumentRowChunk(rows=[document]), row_ids=[row_id(1)], positions=[1])
    trailers(context, 1, 1)


def too_short(request: pb.StreamEmbeddingRequest, context: grpc.ServicerContext) -> Iterator[pb.RowChunk]:
    yield rows(1, 10)
    trailers(context, 20, 20)


def last_is_another(request: pb.StreamEmbeddingRequest, context: grpc.ServicerContext) -> Iterator[pb.RowChunk]:
    yield rows(1, 20)
    trailers(context, 20, 21)


def without_trailers(request: pb.StreamEmbeddingRequest, context: grpc.ServicerContext) -> Iterator[pb.RowChunk]:
    yield rows(1, 10)


def breaks(request: pb.StreamEmbeddingRequest, context: grpc.ServicerContext) -> Iterator[pb.RowChunk]:
    yield rows(1, 10)
    context.abort(grpc.StatusCode.UNAVAILABLE, "the database is away")


def goes_back(request: pb.StreamEmbeddingRequest, context: grpc.ServicerContext) -> Iterator[pb.RowChunk]:
    yield rows(1, 10)
    yield rows(5, 14)


def no_positions(request: pb.StreamEmbeddingRequest, context: grpc.ServicerContext) -> Iterator[pb.RowChunk]:
    chunk = rows(1, 10)
    chunk.ClearField("positions")
    yield chunk


def unknown_arm(request: pb.StreamEmbeddingRequest, context: grpc.ServicerContext) -> Iterator[pb.RowChunk]:
    yield pb.RowChunk(row_ids=[row_id(1)], positions=[1])


def test_a_whole_stream_ends(java: Java, fake: FakeGateway) -> None:
    fake.plain = whole

    read = read_rows(java, gateway=fake.address, domain="recruit")

    assert (read.positions, read.end) == (list(range(1, 21)), "end")


def test_documents_come_with_key_model_and_passages(java: Java, fake: FakeGateway) -> None:
    fake.plain = documents

    read = read_rows(java, gateway=fake.address, domain="notes")

    assert read.end == "end"
    fields = {"key": "note-1", "vectors": "2", "dimension": "3", "first": "0.5", "model": "small@2", "job": ""}
    assert read.fields == [fields | {"deliveries": "1"}]


@pytest.mark.parametrize(
    ("plain", "error", "given"),
    [
        pytest.param(too_short, "TruncatedStreamException", 10, id="OK before all rows came"),
        pytest.param(last_is_another, "TruncatedStreamException", 20, id="OK after another last row"),
        pytest.param(without_trailers, "TruncatedStreamException", 10, id="OK without trailers"),
        pytest.param(breaks, "GatewayUnavailableException", 10, id="UNAVAILABLE in the middle"),
        pytest.param(goes_back, "ContractBrokenException", 10, id="positions that go back"),
        pytest.param(no_positions, "ContractBrokenException", 0, id="rows without positions"),
        pytest.param(unknown_arm, "ContractBrokenException", 0, id="a kind of rows from the future"),
    ],
)
def test_a_stream_cut_short_is_an_error(java: Java, fake: FakeGateway, plain: object, error: str, given: int) -> None:
    fake.plain = plain  # type: ignore[assignment]  # parametrize loses the function's type

    read = read_rows(java, gateway=fake.address, domain="recruit")

    assert read.end.startswith(f"error {error} ")
    assert len(read.lines) == given


def test_a_dead_gateway_is_an_error(java: Java, fake: FakeGateway) -> None:
    fake.stop()

    read = read_rows(java, gateway=fake.address, domain="recruit")

    assert read.end.startswith("error GatewayUnavailableException ")
