"""A message that Celery cannot process becomes a dead message, and all others continue."""

from __future__ import annotations

import base64
import json
import random
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from pc_worker.hot_buffer import count_dead, newest_dead
from tests.integration.tasks.line import Line
from tests.support.stack import run_command
from tests.support.waiting import eventually

QUEUES = ("celery", "pcw.upkeep", "pcw.search", "pcw.embed.recruit", "pcw.split.document")


@pytest.fixture(scope="module", autouse=True)
def _worker(line: Line) -> Iterator[None]:
    with line.worker(concurrency=1):
        yield


def envelope(body: Any = None, **changes: Any) -> dict[str, Any]:
    """Return a valid message except for the changes."""
    sound = [[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    text = json.dumps(sound if body is None else body).encode()
    whole = {
        "body": base64.b64encode(text).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"id": str(uuid.uuid4()), "task": "pc_worker.purge", "lang": "py"},
        "properties": {
            "delivery_tag": str(uuid.uuid4()),
            "delivery_info": {"exchange": "", "routing_key": "celery"},
            "body_encoding": "base64",
            "priority": 0,
        },
    }
    return whole | changes


def headers(**changes: Any) -> dict[str, Any]:
    fields = {"id": str(uuid.uuid4()), "task": "pc_worker.purge"} | changes
    return envelope(headers={name: value for name, value in fields.items() if value is not ...})


def properties(**changes: Any) -> dict[str, Any]:
    sound = envelope()["properties"] | changes
    return envelope(properties={name: value for name, value in sound.items() if value is not ...})


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


NO_MESSAGES: dict[str, bytes | str | dict[str, Any]] = {
    "no text": b"\xff\xfe\x00\x80",
    "nothing": b"",
    "no JSON": "hello",
    "half of JSON": json.dumps(envelope())[:-20],
    "a bomb": nested(100_000),
    "a bomb in the headers": json.dumps(envelope()).replace('"lang"', f'"deep": {nested(900)}, "lang"'),
    "a number": "5",
    "null": "null",
    "a list": "[1, 2]",
    "an empty object": "{}",
    "a number of many digits": "9" * 5000,
    "a type of kombu's": '{"__type__": "uuid", "__value__": {"hex": "x"}}',
    "an unknown type": '{"__type__": "elephant", "__value__": 5}',
    "a surrogate": json.dumps(envelope()).replace('"py"', '"\\ud800"'),
    "megabytes": json.dumps(envelope(body=["x" * 5_000_000])),
    "no properties": envelope(properties=None),
    "properties of another shape": envelope(properties=["a"]),
    "no delivery tag": properties(delivery_tag=...),
    "a delivery tag of null": properties(delivery_tag=None),
    "a delivery tag that is a list": properties(delivery_tag=["x"]),
    "no delivery info": properties(delivery_info=...),
    "no exchange": properties(delivery_info={"routing_key": "celery"}),
    "an exchange that is an object": properties(delivery_info={"exchange": {}, "routing_key": "celery"}),
    "an unknown body encoding": properties(body_encoding="rot13"),
    "a body encoding that is a number": properties(body_encoding=7),
    "a priority that is text": properties(priority="high"),
    "a reply to nowhere": properties(reply_to={"a": 1}),
    "no headers": envelope(headers=None),
    "headers that are text": envelope(headers="id"),
    "headers that are a list": envelope(headers=[["id", 1]]),
    "a body that is no base64": envelope() | {"body": "abc"},
    "a body that is an object": envelope() | {"body": {"path": "/x"}},
    "no body": envelope() | {"body": ""},
    "an unknown content type": envelope(**{"content-type": "application/x-elephant"}),
    "pickle": envelope(**{"content-type": "application/x-python-serialize"}),
    "plain data": envelope(**{"content-type": "application/data"}),
    "a content type that is a number": envelope(**{"content-type": 5}),
    "no id": headers(id=...),
    "an id of null": headers(id=None),
    "an id that is a number": headers(id=7),
    "an id that is a list": headers(id=["a"]),
    "an id with NUL": headers(id="a\x00b"),
    "an id of nothing": headers(id=""),
    "no task": headers(task=...),
    "a task that is a list": headers(task=["pc_worker.purge"]),
    "a task that is an object": headers(task={"a": 1}),
    "an unknown task": headers(task="elsewhere.add"),
    "an ETA that is none": headers(eta="tomorrow"),
    "an ETA that is a number": headers(eta=5),
    "an expiry that is none": headers(expires="soon"),
    "an expiry that is a list": headers(expires=[1]),
    "limits that are text": headers(timelimit="abc"),
    "limits of three": headers(timelimit=[1, 2, 3]),
    "limits that are words": headers(timelimit=["a", "b"]),
    "retries that are text": headers(retries="many"),
    "stamps of another shape": headers(stamped_headers=5),
    "a shadow that is an object": headers(shadow={"a": 1}),
    "a compression that is not known": headers(compression="zlib"),
    "a compression that is a list": headers(compression=["application/x-gzip"]),
    "a plain body that is called compressed": headers(compression="application/x-gzip"),
    "arguments of another shape": envelope({"path": "/x"}),
    "one list": envelope([[]]),
    "four": envelope([[], {}, {}, {}]),
    "positions that are an object": envelope([{}, {}, {}]),
    "keywords that are a list": envelope([[], [1], {}]),
    "keywords that are null": envelope([[], None, {}]),
    "followers that are text": envelope([[], {}, "x"]),
    "callbacks that are numbers": envelope([[], {}, {"callbacks": [5]}]),
    "a chord that is text": envelope([[], {}, {"chord": "x"}]),
    "a body that is a number": envelope(5),
    "a bomb in the body": envelope() | {"body": base64.b64encode(nested(100_000).encode()).decode()},
    "protocol 1 without an id": envelope({"task": "pc_worker.purge", "args": [], "kwargs": {}}, headers={}),
    "protocol 1 of another shape": envelope({"task": "pc_worker.purge", "id": "a", "args": 5}, headers={}),
    "protocol 1 of an unknown task": envelope({"task": "no", "id": "a", "args": [], "kwargs": {}}, headers={}),
}


def as_bytes(message: bytes | str | dict[str, Any]) -> bytes:
    if isinstance(message, dict):
        message = json.dumps(message)
    return message if isinstance(message, bytes) else message.encode()


def test_whatever_lies_in_a_queue_is_buried_and_work_goes_on(line: Line) -> None:
    for number, message in enumerate(NO_MESSAGES.values()):
        line.broker.lpush(QUEUES[number % len(QUEUES)], as_bytes(message))

    eventually(lambda: count_dead(line.broker).seen >= len(NO_MESSAGES), what="the end of the last one")
    line.completes("after all of them")

    assert count_dead(line.broker).seen == len(NO_MESSAGES)
    eventually(lambda: line.broker.hlen("unacked") == line.broker.zcard("unacked_index") == 0, what="no message left")
    assert line.log().count("dead_message") == len(NO_MESSAGES)
    assert " ready." in line.log()
    assert line.log().count(" ready.") == 1, "the worker began anew"
    assert "Traceback" not in line.log()


def test_a_message_damaged_anywhere_stops_nothing(line: Line) -> None:
    chance = random.Random(5)
    sound = json.dumps(envelope([["x"], {"y": [1]}, {"chain": None}])).encode()
    for _ in range(400):
        damaged = bytearray(sound)
        for _ in range(chance.choice((1, 1, 2, 20))):
            start, length = chance.randrange(len(damaged)), chance.choice((0, 1, 1, 8))
            damaged[start : start + length] = chance.choice((b"", b"7", b"null", b"{}", b'"', b"\\u0000", b"\xc3"))
        line.broker.lpush("celery", bytes(damaged))

    eventually(lambda: not line.broker.llen("celery"), what="the end of the last one")
    line.completes("after the damage")

    eventually(lambda: not line.broker.hlen("unacked"), what="the last acknowledgement")
    assert line.log().count(" ready.") == 1


def test_what_was_buried_can_be_looked_at(line: Line) -> None:
    before = count_dead(line.broker)
    line.broker.lpush("celery", b"from the weather station: 21 C")

    eventually(lambda: count_dead(line.broker).seen > before.seen, what="its end")

    newest = newest_dead(line.broker, limit=1)[0]
    assert (newest.queue, newest.beginning) == ("celery", "from the weather station: 21 C")
    assert "no JSON" in newest.reason


def test_doctor_counts_them(line: Line) -> None:
    found = run_command("doctor", "--json", env=line.environment)

    (check,) = [finding for finding in found.json()["checks"] if finding["check"] == "dead messages"]
    assert not check["ok"]
    assert re.match(rf"\d+ kept of {count_dead(line.broker).seen}; the newest in celery: ", check["found"])
    assert "pcw:dead_messages" in check["mend"]


def test_whoever_waits_for_a_result_is_told(line: Line) -> None:
    sent = line.client.send_task("elsewhere.add", args=[1, 2])

    with pytest.raises(Exception, match=r"there is no task 'elsewhere\.add'"):
        sent.get(timeout=30)


def test_a_spoilt_unacknowledged_message_does_not_stop_those_behind_it(line: Line) -> None:
    spoilt: dict[Any, Any] = {
        "a": "no json",
        "b": json.dumps([5, "", "celery"]),
        "c": json.dumps([envelope(), "nowhere", "nowhere"]),
        "d": json.dumps([envelope(headers=None), "", "celery"]),
        "e": json.dumps({"a": 1}),
    }
    before, sound = count_dead(line.broker).seen, headers(task="pc_worker.reconcile")
    line.broker.hset("unacked", mapping={**spoilt, "z": json.dumps([sound, "", "celery"])})
    line.broker.zadd("unacked_index", {tag: 1.0 + n for n, tag in enumerate(("z", *spoilt))})

    key = f"celery-task-meta-{sound['headers']['id']}"
    eventually(lambda: line.broker.exists(key), what="the sound one's result")

    assert count_dead(line.broker).seen == before + len(spoilt)
    eventually(lambda: not line.broker.hlen("unacked"), what="the sound one's acknowledgement")


def test_what_is_no_queue_in_a_queues_place_is_put_aside(line: Line) -> None:
    line.broker.set("pcw.delivery", "a note")
    line.broker.hset("pcw.indexes", "a", "1")

    line.completes("after them")

    eventually(lambda: line.broker.get("pcw:no_queue:pcw.delivery") == b"a note", what="the note put aside")
    eventually(lambda: line.broker.hgetall("pcw:no_queue:pcw.indexes") == {b"a": b"1"}, what="the hash put aside")
    assert line.log().count(" ready.") == 1


def test_a_foreign_broadcast_is_passed_over(line: Line) -> None:
    for message in (b"\xff", b"{}", b"[1]", b"null", json.dumps(envelope(headers=None)).encode()):
        assert line.broker.publish(f"/{line.redis_url.rpartition('/')[2]}.celery.pidbox", message) == 1

    line.completes("after the broadcasts")
    assert line.log().count(" ready.") == 1


def test_a_plain_client_of_the_first_protocol_is_served(line: Line) -> None:
    body = {"id": str(uuid.uuid4()), "task": "pc_worker.reconcile", "args": [], "kwargs": {}, "retries": 0}

    line.broker.lpush("celery", json.dumps(envelope(body, headers={})))

    def status() -> str:
        found = line.broker.get(f"celery-task-meta-{body['id']}")
        return "" if found is None else str(json.loads(found)["status"])

    eventually(lambda: status() == "SUCCESS", what="its result")


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "lzma"])
def test_a_compressed_message_is_served(line: Line, compression: str) -> None:
    sent = line.client.send_task("pc_worker.reconcile", compression=compression)

    assert sent.get(timeout=30) == {"ingests": 0, "chunks": 0}


def test_a_crowd_of_them_keeps_its_bounds(line: Line) -> None:
    line.broker.rpush("pcw.search", *(b"\xff" * 10_000 for _ in range(300)))

    eventually(lambda: not line.broker.llen("pcw.search"), what="the end of the crowd")
    line.completes("after the crowd")

    assert count_dead(line.broker).kept == 200
    assert (line.broker.memory_usage("pcw:dead_messages", samples=0) or 0) < 5_000_000
