"""Every action in the console is recorded: who, what, on what, from where, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pc_worker.errors import PcWorkerError
from pc_worker.http.requests.context import AppContext
from pc_worker.http.requests.roles import HttpCaller
from pc_worker.logs import get_logger
from pc_worker.services.dependencies import Services
from pc_worker.store.audit import write_audit

T = TypeVar("T")

log = get_logger(__name__)
#: Seconds in which the end of an action that failed must be recorded: the part may be stopping.
RECORD_S = 3.0


@dataclass(frozen=True, slots=True)
class Action:
    """What is done: a verb, and what it is done to; a domain under the name ``domain``."""

    name: str
    target: Mapping[str, Any] = field(default_factory=dict)


async def act(context: AppContext, caller: HttpCaller, action: Action, work: Callable[[Services], T]) -> T:
    """Do something, and record how it ended.

    Raises:
        PcWorkerError: What ``work`` raises; it is recorded, too.
    """
    try:
        result = await context.services.run(work)
    except BaseException as exc:
        await asyncio.shield(_record_failure(context, caller, action, _outcome(exc)))
        raise
    await asyncio.shield(record(context, caller, action, outcome="done"))
    return result


def _outcome(exc: BaseException) -> str:
    if isinstance(exc, PcWorkerError):
        return f"refused: {exc}"[:500]
    if isinstance(exc, Exception):
        return f"failed: an error of ours, which is in the log: {type(exc).__name__}"
    return "cancelled: it may have been done"


async def _record_failure(context: AppContext, caller: HttpCaller, action: Action, outcome: str) -> None:
    """Record how an action failed; an error of the record would hide its reason, and is only logged."""
    try:
        async with asyncio.timeout(RECORD_S):
            await record(context, caller, action, outcome=outcome)
    except (PcWorkerError, TimeoutError) as exc:
        target = dict(action.target)
        log.warning("action_not_recorded", action=action.name, target=target, outcome=outcome, reason=str(exc))


async def record(context: AppContext, caller: HttpCaller, action: Action, *, outcome: str) -> None:
    """Record an action."""

    def write(services: Services) -> None:
        with services.database.transaction() as cursor:
            write_audit(
                cursor,
                caller=caller.label or "",
                host=caller.host,
                action=action.name,
                target=action.target,
                outcome=outcome,
            )

    await context.services.run(write)
