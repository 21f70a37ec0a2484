"""Messages of strangers in the queues, and a split that fails every time."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import psycopg2
from celery import Celery

from pc_worker.hot_buffer import count_dead, count_held
from pc_worker.hot_buffer.held_messages import KEY as HELD
from pc_worker.store.ledger import jobs
from tests.faults.drill import Drill, Fault
from tests.faults.load import DOMAIN
from tests.faults.rig import Work
from tests.support.waiting import eventually

PLAN = "child.before@pc_worker.services.ingest.split._split"
QUEUES = ("celery", "pcw.upkeep", f"pcw.split.{DOMAIN}", f"pcw.embed.{DOMAIN}")
CROWD = 150


def message(**changes: Any) -> dict[str, Any]:
    """Return a valid message except for the changes."""
    body = base64.b64encode(json.dumps([[], {}, {}]).encode()).decode()
    properties = {
        "delivery_tag": str(uuid.uuid4()),
        "delivery_info": {"exchange": "", "routing_key": "celery"},
        "body_encoding": "base64",
    }
    return {
        "body": body,
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"id": str(uuid.uuid4()), "task": "pc_worker.purge"},
        "properties": properties,
    } | changes


#: What a stranger's program may leave in a list.
STRANGE: tuple[Callable[[], bytes], ...] = (
    lambda: b"\x00\xff",
    lambda: b"[" * 50_000,
    lambda: json.dumps({"path": "/data/people.pkl"}).encode(),
    lambda: json.dumps(message(headers={"task": "pc_worker.purge"})).encode(),
    lambda: json.dumps(message(properties={})).encode(),
    lambda: json.dumps(message(body="no base64")).encode(),
    lambda: json.dumps(message(body=base64.b64encode(b"[[]]").decode())).encode(),
    lambda: json.dumps(message(headers={"id": "x", "task": "elsewhere.add"})).encode(),
)


def strange_messages(drill: Drill) -> None:
    """Put what is no message of ours into every queue, while jobs run."""
    rig = drill.rig
    with rig.redis_client() as client:
        before = count_dead(client).seen

        def inject(_: Work) -> int:
            for queue in QUEUES:
                client.lpush(queue, *(make() for make in STRANGE))
            return len(QUEUES) * len(STRANGE)

        drill.under_load(inject)
        eventually(lambda: count_dead(client).seen >= before + drill.injected, what="the end of the last one")
        drill.expect(count_dead(client).seen == before + drill.injected, "a message of ours was buried")


def crowd_of_etas(drill: Drill) -> None:
    """Send calls that may begin in ten minutes, more than Celery would hold, to every queue, while jobs run."""
    rig = drill.rig

    def inject(_: Work) -> int:
        with Celery(broker=rig.servers.redis_url, set_as_current=False) as app:
            for number in range(CROWD):
                app.send_task("pc_worker.purge", countdown=600, queue=QUEUES[number % len(QUEUES)])
        return CROWD

    with rig.redis_client() as client:
        drill.under_load(inject, most_a_job=CROWD)
        eventually(lambda: count_held(client) >= drill.injected, what="all of them put aside")
        client.delete(HELD)


def split_that_raises(drill: Drill) -> None:
    """Make each attempt to split a file raise an unexpected error: the job fails, and can be resumed."""
    rig = drill.rig
    while drill.injected < drill.times:
        rig.points.stand(PLAN, "error:ZeroDivisionError")
        work = rig.begin(rows=60)
        since = time.monotonic()
        eventually(lambda work=work: rig.done(work) == -1, within_s=240, what="the job given up")  # type: ignore[misc]
        drill.moved_s.append(time.monotonic() - since)
        rig.points.fall()
        ((state, error),) = rig.query("SELECT state, error FROM jobs WHERE job_id = %s", (work.job_id,))
        drill.expect(
            state == "failed" and error.startswith("given up at the split"), f"the job is {state}, with {error!r}"
        )
        drill.injected += 1
        since = time.monotonic()
        resume(drill, work)
        drill.settle(work, since=since)


def resume(drill: Drill, work: Work) -> None:
    """Reopen a failed job; reconcile sends its message."""
    connection = psycopg2.connect(drill.rig.servers.database_url)
    with connection, connection.cursor() as cursor:
        jobs.reopen_job(cursor, jobs.find_job(cursor, work.job_id))
    connection.close()


FAULTS = (
    Fault(
        name="foreign-message",
        matrix="9",
        what="what is no message of ours in every queue",
        times=320,
        run=strange_messages,
    ),
    Fault(name="foreign-eta", matrix="9", what="150 calls that may begin in 10 minutes", times=300, run=crowd_of_etas),
    Fault(name="split-raises", matrix="29", what="every attempt to split raises", times=1, run=split_that_raises),
)
