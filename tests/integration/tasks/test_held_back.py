"""Messages that may begin later hold up no worker and no queue; a worker that joins late gets its share."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from pc_worker.hot_buffer import count_held
from pc_worker.hot_buffer.held_messages import KEY
from tests.integration.tasks.line import Line
from tests.support.waiting import eventually

CHUNK, RATE = 5, 50
QUEUES = ("celery", "pcw.upkeep", "pcw.embed.recruit")


def test_what_may_begin_later_holds_up_nothing_and_begins_at_its_time(line: Line) -> None:
    urgent = [line.client.send_task("pc_worker.purge", priority=priority) for priority in (1, 4, 9)]
    with line.worker("first"):
        assert [sent.get(timeout=60) is not None for sent in urgent] == [True, True, True]
        for queue in QUEUES:
            for _ in range(60):
                line.client.send_task("pc_worker.purge", countdown=600, queue=queue)
        soon = [line.client.send_task("pc_worker.purge", countdown=s) for s in (0.5, 1)]
        later = line.client.send_task("pc_worker.purge", eta=datetime.now(UTC) + timedelta(seconds=12))
        line.completes("beside them")
        assert [sent.get(timeout=30) is not None for sent in soon] == [True, True]
        eventually(lambda: count_held(line.broker) == 181, what="all others put aside")
        # The last one is held just before it is acknowledged.
        eventually(lambda: line.broker.hlen("unacked") == 0, what="all of them acknowledged")
        assert sum(line.broker.llen(queue) for queue in QUEUES) == 0

    line.broker.zadd(KEY, {b"\xff": 1.0, b"no line break": 2.0, b"pcw.upkeep\nno message": 3.0, b"odd\nx": 4.0})
    line.broker.set("odd", "no list")
    with line.worker("second"):
        assert later.get(timeout=60) is not None
    assert count_held(line.broker) == 180
    line.broker.delete(KEY)


def test_a_worker_that_joins_late_gets_its_share(line: Line) -> None:
    """Each worker holds one message for each of its processes, however many wait and however long it has been there."""
    with line.worker("early", concurrency=2):
        line.broker.rpush("celery", *calls_of_nothing(line, 10_000))
        with line.worker("late", concurrency=2):
            for _ in range(3):
                before = (ended(line, "early"), ended(line, "late"))
                with line.database.transaction() as cursor:
                    cursor.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
                    eventually(lambda: (held(line, "early"), held(line, "late")) == (2, 2), what="two for each")
                    assert line.broker.hlen("unacked") == 4
                eventually(lambda: ended(line, "early") > before[0] + 1, what="the early one's")  # noqa: B023
                eventually(lambda: ended(line, "late") > before[1] + 1, what="the late one's")  # noqa: B023
            assert line.broker.llen("celery") > 0
            line.broker.delete("celery")
            eventually(lambda: (held(line, "early"), held(line, "late")) == (0, 0), what="an end of what is in hand")


def held(line: Line, worker: str) -> int:
    """Return the number of messages that a worker has taken and not ended."""
    return len(re.findall(r"Task pc_worker\.process_chunk\[\S+\] received", line.log(worker))) - ended(line, worker)


def ended(line: Line, worker: str) -> int:
    """Return the number of messages that a worker has ended: there is no such job."""
    return len(re.findall(r"Task pc_worker\.process_chunk\[\S+\] raised expected: NotFound", line.log(worker)))


def calls_of_nothing(line: Line, count: int) -> list[str]:
    """Return messages of tasks that take milliseconds."""
    line.client.send_task("pc_worker.process_chunk", kwargs={"job_id": "none", "chunk_no": 0}, queue="a.template")
    message = json.loads(line.broker.lpop("a.template") or b"")  # type: ignore[arg-type]  # typed for lists too
    calls = []
    for number in range(count):
        message["headers"]["id"] = message["properties"]["delivery_tag"] = f"call-{number}"
        calls.append(json.dumps(message))
    return calls


def test_a_limited_domain_keeps_its_pace_and_nothing_waits_in_the_broker(line: Line) -> None:
    rows = 20 * CHUNK
    with line.worker("paced", concurrency=2, PC_WORKER_RATE_LIMITS=f"recruit={RATE}"):
        job = line.job("limited", rows=rows, chunk_size=CHUNK)
        begun = "SELECT 1 FROM jobs WHERE job_id = %s AND chunks_done > 3"
        eventually(lambda: line.query(begun, job), what="its start")
        # Of 20 chunks none waits in the broker: only the next check, and one that is late on a busy machine.
        assert count_held(line.broker) <= 2
        eventually(lambda: line.state(job), what="its end")

    times = [at for (at,) in line.query("SELECT enqueued_at FROM chunks WHERE job_id = %s ORDER BY 1", job)]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert len(times) == 20
    assert min(gaps) >= CHUNK / RATE - 0.001
    assert (times[-1] - times[0]).total_seconds() < 3 * rows / RATE
    assert line.query("SELECT wake_at FROM domain_pace WHERE domain = 'recruit'") == [(None,)]
