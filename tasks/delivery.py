"""Delivery: push a domain's log to a stock batch server, on beat's schedule or on request."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pc_worker.errors import PcWorkerError
from pc_worker.push import PushLimits
from pc_worker.services.push.push import PushRequest, push
from tasks.app import CheckedTask, app, worker
from tasks.arguments import Push

#: Longer than the 40 minutes that one call may take. Meanwhile the broker delivers the message again: that run finds
#: the push in progress and ends at once.
LIMIT_S = 2_700


@app.task(
    name="pc_worker.push_to_batch_server",
    base=CheckedTask,
    arguments=Push,
    throws=(PcWorkerError,),
    soft_time_limit=LIMIT_S,
    time_limit=LIMIT_S + 60,
)
def push_to_batch_server(asked: Push) -> dict[str, Any]:
    """Push the new rows, or those after ``after``; when its time is up, a new message continues with the rest.

    Never retried by Celery: the push retries by itself, and beat starts the next one.
    """
    settings = worker.settings
    request = PushRequest(domain=asked.domain, address=asked.address, after=asked.after)
    # The next push is due by then, and the worker's other queues get their turn.
    limits = PushLimits(run_s=settings.push_s)
    done = push(worker.services.database, request, servers=settings.batch_servers, limits=limits)
    if done.state == "more":
        rest = {
            "domain": asked.domain,
            "address": done.address,
            "after": None if asked.after is None else done.position,
        }
        push_to_batch_server.apply_async(kwargs=rest)
    return asdict(done)
