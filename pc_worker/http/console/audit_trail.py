"""Every action in the console is recorded: who, what, on what, from where, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pc_worker.errors import PcWorkerError
from pc_worker.http.requests.context import AppContext
from pc_worker.http.requests.roles import HttpCaller
from pc_worker.services.dependencies import Services
from pc_worker.store.audit import write_audit

T = TypeVar("T")


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
    except PcWorkerError as exc:
        await record(context, caller, action, outcome=f"refused: {exc}"[:500])
        raise
    await record(context, caller, action, outcome="done")
    return result


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
