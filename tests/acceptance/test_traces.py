"""Traces of a running stack at a real receiver: of a job from its command to the queue, and of requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.generated.embedding_stream_pb2_grpc import EmbeddingStreamServiceStub
from tests.support.frames import write_documents
from tests.support.stack import LiveStack
from tests.support.trace_receiver import TraceReceiver, receiving_traces
from tests.support.waiting import eventually

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture(scope="module")
def receiver() -> Iterator[TraceReceiver]:
    with receiving_traces() as running:
        yield running


@pytest.fixture(scope="module")
def site(receiver: TraceReceiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    folder = tmp_path_factory.mktemp("traces")
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.address,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "PC_WORKER_DATA_ROOTS": str(folder),
        "PC_WORKER_CHUNK_SIZE": "20",
    }
    stack = LiveStack(folder / "home", settings, "worker,gateway,http", processes=1)
    stack.start()
    stack.ingest(write_documents(folder / "notes.pkl", [f"the text of note {n}" for n in range(50)]), "document")
    yield stack
    assert stack.stop() == 0


def test_the_trace_of_a_job_goes_from_its_command_to_the_queue(site: LiveStack, receiver: TraceReceiver) -> None:
    eventually(lambda: len(receiver.named("push")) == 3, what="the last span of each chunk")
    eventually(lambda: len(receiver.named("process_chunk")) == 3, what="each chunk")
    eventually(lambda: receiver.named("ingest_file"), what="the split")

    (enqueue,) = receiver.named("enqueue")
    (ingest,) = receiver.named("ingest_file")
    chunks = receiver.named("process_chunk")

    assert (enqueue.parent, ingest.parent) == ("", enqueue.id)
    assert {chunk.parent for chunk in chunks} == {ingest.id}
    assert {chunk.attributes["pcw.chunk_no"] for chunk in chunks} == {0, 1, 2}
    assert {span.trace for span in (ingest, *chunks)} == {enqueue.trace}
    assert (enqueue.attributes["pcw.part"], ingest.attributes["pcw.part"]) == ("cli", "worker")
    for chunk in chunks:
        assert {stage.name for stage in receiver.below(chunk)} >= {"read", "clean", "embed", "write", "push"}


def test_a_search_by_http_belongs_to_the_trace_of_its_caller(site: LiveStack, receiver: TraceReceiver) -> None:
    body = {"query": "note 7, a secret question", "domain": "document"}

    answer = httpx.post(f"http://{site.addresses.http}/v1/search", json=body, headers=HEADERS, timeout=60)

    assert answer.status_code == 200
    eventually(lambda: any(span.parent == PARENT for span in receiver.named("request")), what="the request")
    (request,) = [span for span in receiver.named("request") if span.parent == PARENT]
    (retrieval,) = [span for span in receiver.below(request) if span.name == "retrieval"]
    assert (request.trace, request.attributes["http.route"]) == (TRACE, "/v1/search")
    assert request.attributes["http.response.status_code"] == 200
    assert {span.name for span in receiver.below(retrieval)} >= {"embeddings", "rank", "read hits"}
    assert "secret question" not in repr(receiver.spans)


def test_a_search_by_grpc_belongs_to_the_trace_of_its_caller(site: LiveStack, receiver: TraceReceiver) -> None:
    with grpc.insecure_channel(site.addresses.gateway) as channel:
        request = pb.SearchRequest(query="note 8", domain="document")
        EmbeddingStreamServiceStub(channel).Search(request, metadata=list(HEADERS.items()))

    eventually(lambda: any(span.parent == PARENT for span in receiver.named("Search")), what="the call")
    (call,) = [span for span in receiver.named("Search") if span.parent == PARENT]
    assert [span.name for span in receiver.below(call)] == ["retrieval"]


def test_a_receiver_that_is_away_hinders_nothing(site: LiveStack, tmp_path: Path) -> None:
    site.settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:1"

    done = site.run("jobs")

    assert (done.code, done.err) == (0, "")
