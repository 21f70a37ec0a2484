"""A row that a consumer cannot store: a dead letter on the command line, over HTTP and in the console, then retried."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from contextlib import closing

import grpc
import httpx

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.generated import embedding_stream_pb2_grpc as rpc
from tests.acceptance.http.conftest import Library

NAME = "letters-of-http"


class SmallConsumer:
    """A consumer that nacks rows; every nack makes a dead letter."""

    def __init__(self, channel: grpc.Channel, after: int) -> None:
        self._requests: queue.SimpleQueue[pb.ConsumeRequest | None] = queue.SimpleQueue()
        credit = pb.ConsumeCredit(chunks=1000, bytes=2**40)
        nacks = pb.ConsumeNacks(max_deliveries=1, first_delay_ms=10)
        opening = pb.ConsumeOpen(domain="document", subscription=NAME, after_position=after, credit=credit, nacks=nacks)
        self._requests.put(pb.ConsumeRequest(open=opening))
        self._answers: Iterator[pb.ConsumeResponse] = rpc.EmbeddingStreamServiceStub(channel).Consume(
            iter(self._requests.get, None), timeout=60
        )

    def until(self, kind: str) -> pb.ConsumeResponse:
        return next(answer for answer in self._answers if answer.WhichOneof("response") == kind)

    def say(self, request: pb.ConsumeRequest) -> None:
        self._requests.put(request)

    def close(self) -> None:
        self._requests.put(None)
        list(self._answers)


def test_a_consumers_dead_letters_are_shown_retried_and_dropped(library: Library, http: httpx.Client) -> None:
    stack, row_id = library.stack, library.ids["whales"]
    ((position,),) = stack.query(f"SELECT position FROM log WHERE row_id = '{row_id}' AND superseded_by IS NULL")
    url = f"/v1/subscriptions/document/{NAME}/dead-letters"
    with (
        grpc.insecure_channel(stack.addresses.gateway) as channel,
        closing(SmallConsumer(channel, position - 1)) as consumer,
    ):
        end = consumer.until("end_of_log").end_of_log
        consumer.say(pb.ConsumeRequest(nack=pb.ConsumeNack(position=position, reason="the title <b>is</b> too long")))
        consumer.say(pb.ConsumeRequest(ack=pb.ConsumeAck(position=end.position)))
        consumer.until("nacked")

        (letter,) = http.get(url).json()["items"]
        listed = stack.run("subscriptions", "dead", "list", "--subscription", NAME, "--json").json()
        page = http.get("/consumers").text
        retried = http.post(f"{url}/retry", json={"row_ids": [row_id]})
        again = consumer.until("redelivered").redelivered
        consumer.say(pb.ConsumeRequest(nack=pb.ConsumeNack(position=position, reason="still")))
        consumer.until("nacked")
    shown = stack.run("subscriptions", "dead", "show", "--domain", "document", NAME, "--json").json()
    dropped = stack.run("subscriptions", "dead", "drop", "--domain", "document", NAME).out
    nothing = http.post(f"{url}/drop", json={"row_ids": [row_id]})

    assert (letter["row_id"], letter["state"], letter["deliveries"]) == (row_id, "dead", 1)
    assert letter["row"]["title"] == "Moby Dick"
    assert [one | {"nacked_at": ""} for one in listed] == [letter | {"row": None, "nacked_at": ""}]
    assert "the title &lt;b&gt;is&lt;/b&gt; too long" in page
    assert retried.json() == {"retried": 1}
    assert list(again.rows.row_ids) == [row_id]
    assert json.loads(again.rows.document.rows[0].payload_json)["title"] == "Moby Dick"
    assert list(again.deliveries) == [1]
    assert [one["reason"] for one in shown] == ["still"]
    assert dropped == "1 dropped\n"
    assert (nothing.status_code, nothing.json()["code"]) == (404, "not_found")
    http.delete(f"/v1/subscriptions/document/{NAME}").raise_for_status()
