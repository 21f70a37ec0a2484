"""Delivery: push a domain's log to a stock batch server, on beat's schedule or on request."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pc_worker.errors import PcWorkerError
from pc_worker.push import PushLimits
from pc_worker.services.push.push import PushRequest, push
from tasks.app import CheckedTask, app, worker
from tasks.arguments import Push

#: Longer than the 40 minutes that one call may take. The broker sends the message again meanwhile: that run finds the
#: push at work and ends at once.
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
    """Push what is new, or what comes after ``after``; what is left when its time is up goes into a message of its own.

    Never retried by Celery: the push has its own patience, and beat begins the next one.
    """
    settings = worker.settings
    request = PushRequest(domain=asked.domain, address=asked.address, after=asked.after)
    # By then the next push is due: what waits in the worker's other queues goes first.
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
