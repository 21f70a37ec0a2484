"""The acknowledged reader against a gateway that does its worst: no gap, no repetition, credit kept, typed errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.java.fake_gateway import OTHER_EPOCH, Delivery, FakeGateway, Script
from tests.java.reading import read_rows
from tests.support.java import Java

pytestmark = pytest.mark.java


def to_100(delivery: Delivery, context: grpc.ServicerContext) -> Iterator[pb.ConsumeResponse]:
    while delivery.position < 100:
        yield delivery.chunk(min(delivery.position + 10, 100))
    yield delivery.end()


def breaks_at_35(delivery: Delivery, context: grpc.ServicerContext) -> Iterator[pb.ConsumeResponse]:
    while delivery.position < 35:
        yield delivery.chunk(min(delivery.position + 7, 35))
    context.abort(grpc.StatusCode.UNAVAILABLE, "the database is away")


def fails(code: grpc.StatusCode, text: str, error: str = "") -> Script:
    def script(delivery: Delivery, context: grpc.ServicerContext) -> Iterator[pb.ConsumeResponse]:
        yield delivery.chunk(10)
        context.set_trailing_metadata((("pcw-error", error),))
        context.abort(code, text)

    return script


def falls_silent(delivery: Delivery, context: grpc.ServicerContext) -> Iterator[pb.ConsumeResponse]:
    yield delivery.chunk(10)
    delivery.seen.gone.wait(30)


def leaves_out(delivery: Delivery, context: grpc.ServicerContext) -> Iterator[pb.ConsumeResponse]:
    yield delivery.chunk(10)
    delivery.chunk(20)
    yield delivery.chunk(30)


def miscounts(delivery: Delivery, context: grpc.ServicerContext) -> Iterator[pb.ConsumeResponse]:
    yield delivery.chunk(10)
    yield delivery.end(checksum=1)


def with_tombstones(delivery: Delivery, context: grpc.ServicerContext) -> Iterator[pb.ConsumeResponse]:
    yield delivery.chunk(10, gone=(3, 7))
    yield delivery.chunk(11, gone=(11,))
    yield delivery.end()


def out_of_credit(delivery: Delivery, context: grpc.ServicerContext) -> Iterator[pb.ConsumeResponse]:
    yield delivery.chunk(10)
    yield delivery.chunk(20)
    yield pb.ConsumeResponse(heartbeat=pb.ConsumeHeartbeat(position=20, needed_bytes=1000))


#: A field of a later version of the protocol: number 999, three bytes.
LATER_FIELD = b"\xba\x3e\x03abc"


def of_a_later_version(delivery: Delivery, context: grpc.ServicerContext) -> Iterator[pb.ConsumeResponse]:
    yield pb.ConsumeResponse.FromString(LATER_FIELD)
    while delivery.position < 100:
        answer = delivery.chunk(delivery.position + 10)
        for part in (
            answer,
            answer.chunk,
            answer.chunk.rows,
            answer.chunk.rows.recruit,
            answer.chunk.rows.recruit.rows[0],
        ):
            part.MergeFromString(LATER_FIELD)
        yield answer
        yield pb.ConsumeResponse.FromString(LATER_FIELD)
    yield delivery.end()


def too_large(delivery: Delivery, context: grpc.ServicerContext) -> Iterator[pb.ConsumeResponse]:
    yield delivery.chunk(10)
    answer = delivery.chunk(11)
    answer.chunk.rows.recruit.rows[0].position = "x" * (9 << 20)
    yield answer


def test_all_is_read_acknowledged_and_no_credit_is_overdrawn(java: Java, fake: FakeGateway) -> None:
    fake.scripts = [to_100]

    read = read_rows(java, gateway=fake.address, domain="recruit", subscription="s", commit=7, credit=2)

    assert (read.positions, read.end) == (list(range(1, 101)), "end")
    call = fake.calls[0]
    assert call.half_closed.wait(30)
    assert call.acks == [*range(7, 100, 7), 100]
    assert call.granted_chunks == 2 + 10
    assert read.fields[0]["model"] == "model@1"
    assert read.fields[0]["job"] == "job"


def test_a_lost_connection_is_taken_up_after_the_last_commit_without_repeating_rows(
    java: Java, fake: FakeGateway
) -> None:
    fake.scripts = [breaks_at_35, to_100]

    read = read_rows(java, gateway=fake.address, domain="recruit", subscription="s", commit=20)

    assert (read.positions, read.end) == (list(range(1, 101)), "end")
    assert fake.calls[1].opened.after_position == 20
    # 35 rows are in the caller's hands; none of them is acknowledged before this call has sent it, too.
    assert fake.calls[1].half_closed.wait(30)
    assert fake.calls[1].acks == [40, 60, 80, 100]


def test_rows_that_the_gateway_repeats_after_a_lost_connection_are_given_once(java: Java, fake: FakeGateway) -> None:
    fake.scripts = [breaks_at_35, to_100]
    options = {"subscription": "s", "checkpoint": "GATEWAY"}

    read = read_rows(java, gateway=fake.address, domain="recruit", commit=20, **options)

    assert (read.positions, read.end) == (list(range(1, 101)), "end")
    # This gateway has forgotten the acknowledgement and begins at the start.
    assert fake.calls[1].half_closed.wait(30)
    assert fake.calls[1].acks == [10, 20, 40, 60, 80, 100]


def test_a_gateway_that_falls_silent_is_left(java: Java, fake: FakeGateway) -> None:
    fake.heartbeat_s = 1
    fake.scripts = [falls_silent, to_100]

    read = read_rows(java, gateway=fake.address, domain="recruit", subscription="s")

    assert (read.positions, read.end) == (list(range(1, 101)), "end")
    assert len(fake.calls) == 2


def test_a_restarted_reader_opens_after_its_saved_position(java: Java, fake: FakeGateway, tmp_path: Path) -> None:
    fake.scripts = [to_100]
    options = {"gateway": fake.address, "domain": "recruit", "subscription": "s", "state": tmp_path / "state"}
    first = read_rows(java, **options, commit=20, limit=45)

    second = read_rows(java, **options)

    assert (first.committed, first.end) == (40, "")
    assert (second.positions, second.end) == (list(range(41, 101)), "end")


def test_a_new_epoch_begins_at_the_start(java: Java, fake: FakeGateway, tmp_path: Path) -> None:
    fake.scripts = [to_100]
    options = {"gateway": fake.address, "domain": "recruit", "subscription": "s", "state": tmp_path / "state"}
    read_rows(java, **options)
    fake.epoch = OTHER_EPOCH

    again = read_rows(java, **options)

    assert (again.positions, again.end) == (list(range(1, 101)), "end")
    assert [call.opened.after_position for call in fake.calls] == [0, 100, 0]


def test_the_gateways_checkpoint_is_left_to_it(java: Java, fake: FakeGateway) -> None:
    fake.scripts = [to_100]

    read_rows(java, gateway=fake.address, domain="recruit", subscription="s", checkpoint="GATEWAY")

    assert not fake.calls[0].opened.HasField("start")


def test_what_a_later_version_of_the_gateway_adds_is_passed_over(java: Java, fake: FakeGateway) -> None:
    fake.scripts = [of_a_later_version]

    read = read_rows(java, gateway=fake.address, domain="recruit", subscription="s")

    assert (read.positions, read.end) == (list(range(1, 101)), "end")


def test_tombstones_come_in_their_places(java: Java, fake: FakeGateway) -> None:
    fake.scripts = [with_tombstones]

    read = read_rows(java, gateway=fake.address, domain="recruit", subscription="s")

    assert (read.positions, read.end) == (list(range(1, 12)), "end")
    assert [int(line[1]) for line in read.lines if line[0] == "gone"] == [3, 7, 11]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        pytest.param(fails(grpc.StatusCode.ABORTED, "taken over"), "FencedException taken over", id="fenced"),
        pytest.param(
            fails(grpc.StatusCode.ABORTED, "gone", "subscription_dropped"),
            "SubscriptionDroppedException gone",
            id="dropped",
        ),
        pytest.param(fails(grpc.StatusCode.NOT_FOUND, "no"), "RequestRefusedException no", id="not found"),
        pytest.param(fails(grpc.StatusCode.UNAUTHENTICATED, "no"), "RequestRefusedException no", id="no token"),
        pytest.param(leaves_out, "ContractBrokenException after position 10 came a chunk from 20", id="gap"),
        pytest.param(too_large, "ContractBrokenException the other side sends a message over", id="too large"),
        pytest.param(miscounts, "ContractBrokenException the gateway sent 10 rows", id="checksum"),
    ],
)
def test_what_cannot_be_mended_is_an_error_at_once(java: Java, fake: FakeGateway, script: Script, error: str) -> None:
    fake.scripts = [script]

    read = read_rows(java, gateway=fake.address, domain="recruit", subscription="s")

    assert read.end.startswith(f"error {error}")
    assert len(fake.calls) == 1


@pytest.mark.parametrize("checkpoint", ["CLIENT", "GATEWAY"])
def test_a_subscription_that_was_dropped_during_an_outage_is_not_begun_again(
    java: Java, fake: FakeGateway, checkpoint: str
) -> None:
    fake.scripts = [breaks_at_35, to_100]
    fake.new_at = {1, 2}

    read = read_rows(java, gateway=fake.address, domain="recruit", subscription="s", commit=20, checkpoint=checkpoint)

    assert read.positions == list(range(1, 36))
    assert read.end.startswith("error SubscriptionDroppedException the subscription was dropped after position 20")
    assert len(fake.calls) == 2


@pytest.mark.parametrize(("checkpoint", "end"), [("CLIENT", "end"), ("GATEWAY", "error SubscriptionDroppedException ")])
def test_a_subscription_that_was_dropped_between_two_runs_is_noticed_where_the_position_was_in_it(
    java: Java, fake: FakeGateway, tmp_path: Path, checkpoint: str, end: str
) -> None:
    fake.scripts = [to_100]
    fake.new_at = {1, 2}
    options = {"gateway": fake.address, "domain": "recruit", "subscription": "s", "state": tmp_path / "state"}
    first = read_rows(java, **options, checkpoint=checkpoint)

    second = read_rows(java, **options, checkpoint=checkpoint)

    assert (len(first.lines), first.end) == (100, "end")
    assert second.lines == []
    assert second.end.startswith(end)


def test_a_gateway_that_stays_away_is_an_error_once_patience_ends(java: Java, fake: FakeGateway) -> None:
    fake.stop()

    read = read_rows(java, gateway=fake.address, domain="recruit", subscription="s", patience=1)

    assert read.end.startswith("error GatewayUnavailableException ")


def test_a_caller_that_never_commits_is_told_so(java: Java, fake: FakeGateway) -> None:
    fake.scripts = [out_of_credit]

    read = read_rows(java, gateway=fake.address, domain="recruit", subscription="s", credit=2, commit=1000)

    assert read.end.startswith("error IllegalStateException the credit of 2 chunks")
