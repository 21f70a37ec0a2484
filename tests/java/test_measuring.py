"""The reader that benchmarks use does exactly what it is asked to do."""

from __future__ import annotations

import re
from collections.abc import Iterator

import grpc
import pytest

from pc_worker.bench.gateway.java_reader import JavaFailed, java_reader, jvm
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.java.fake_gateway import FakeGateway, rows
from tests.support.java import Java

pytestmark = pytest.mark.java


def ten(request: pb.StreamEmbeddingRequest, context: grpc.ServicerContext) -> Iterator[pb.RowChunk]:
    yield rows(1, 5)
    yield rows(6, 10)
    context.set_trailing_metadata((("pcw-rows", "10"), ("pcw-last-position", "10")))


def backwards(request: pb.StreamEmbeddingRequest, context: grpc.ServicerContext) -> Iterator[pb.RowChunk]:
    yield rows(6, 10)
    yield rows(1, 5)


def test_figures_name_the_jvm_and_its_flags() -> None:
    assert re.fullmatch(r"Java \d[\w.+-]* -Xmx512m", jvm())


def test_it_reads_on_command_and_never_backwards(java: Java, fake: FakeGateway) -> None:
    with java_reader(java.classpath) as reader:
        fake.plain = ten
        reader.open("stream", fake.address, "recruit")
        first, rest = reader.read(3), reader.read(100)
        reader.close()
        fake.plain = backwards
        reader.open("stream", fake.address, "recruit")
        with pytest.raises(JavaFailed):
            reader.read(100)

    assert (first.entries, first.position) == (3, 3)
    assert (rest.entries, rest.position) == (7, 10)
