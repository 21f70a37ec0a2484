"""Work that takes longer than a request: it continues in this process, and a page shows how far it is."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from fastapi import FastAPI, Request

from pc_worker.errors import NotFound, PcWorkerError
from pc_worker.http.console.audit_trail import Action, record
from pc_worker.http.requests.context import AppContext
from pc_worker.http.requests.roles import HttpCaller
from pc_worker.logs import get_logger

log = get_logger(__name__)
#: Ended operations that are kept to be looked at.
KEPT = 50
#: Seconds before each try to record how an operation ended, while the database is unavailable.
RECORD_S = (0.0, 0.5, 2.0, 10.0, 30.0, 120.0)
#: Seconds in which the end of a cancelled operation must be recorded: the part stops.
LAST_RECORD_S = 3.0


@dataclass(slots=True)
class Operation:
    """One operation: what, of whom, how far, and how it ended."""

    name: str
    owner: str
    back: str
    key: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    state: str = "running"
    progress: str = ""
    done: int = 0
    total: int = 0


#: What the work of an operation yields: done, total, and a sentence.
Step = tuple[int, int, str]


class Operations:
    """The operations of this process."""

    def __init__(self) -> None:
        self._known: dict[str, Operation] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(
        self, context: AppContext, caller: HttpCaller, action: Action, steps: AsyncGenerator[Step, None], *, back: str
    ) -> Operation:
        """Start an operation and return it; its end is audited."""
        operation = Operation(name=action.name, owner=caller.key, back=back)
        self._known[operation.key] = operation
        for old in [one for one in self._known.values() if one.state != "running"][:-KEPT]:
            del self._known[old.key]
        task = asyncio.create_task(self._run(context, caller, action, steps, operation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return operation

    def find(self, caller: HttpCaller, key: str) -> Operation:
        """Return an operation of this caller.

        Raises:
            NotFound: If there is none.
        """
        found = self._known.get(key)
        if found is None or found.owner != caller.key:
            raise NotFound("there is no such operation, or this part was started again since")
        return found

    async def close(self) -> None:
        """Cancel what still runs."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(
        self,
        context: AppContext,
        caller: HttpCaller,
        action: Action,
        steps: AsyncGenerator[Step, None],
        operation: Operation,
    ) -> None:
        try:
            await _work(steps, operation)
            for pause_s in RECORD_S:
                await asyncio.sleep(pause_s)
                if await _recorded(context, caller, action, operation):
                    return
        except asyncio.CancelledError:
            # The part stops. What was done stays done, so it is recorded: the services end after this.
            await _recorded(context, caller, action, operation, within_s=LAST_RECORD_S)
            raise


async def _work(steps: AsyncGenerator[Step, None], operation: Operation) -> None:
    """Take all steps of an operation, and note how it ended."""
    try:
        async for done, total, text in steps:
            operation.done, operation.total, operation.progress = done, total, text
        operation.state = "done"
    except asyncio.CancelledError:
        operation.state = "cancelled"
        raise
    except PcWorkerError as exc:
        operation.state, operation.progress = "failed", str(exc)
    except Exception as exc:
        log.exception("operation_failed", operation=operation.name)
        operation.state = "failed"
        operation.progress = f"an error of ours, which is in the log: {type(exc).__name__}"


async def _recorded(
    context: AppContext, caller: HttpCaller, action: Action, operation: Operation, *, within_s: float | None = None
) -> bool:
    """Record how an operation ended, and return whether that was possible; the log has it if not."""
    outcome = f"{operation.state}: {operation.progress}"[:500]
    try:
        async with asyncio.timeout(within_s):
            await record(context, caller, action, outcome=outcome)
    except (PcWorkerError, TimeoutError) as exc:
        log.warning(
            "operation_not_recorded",
            operation=action.name,
            target=dict(action.target),
            outcome=outcome,
            reason=str(exc) or "it takes too long",
        )
        return False
    return True


@asynccontextmanager
async def console_operations(app: FastAPI) -> AsyncIterator[None]:
    """Keep the operations of the console as long as the application lives."""
    app.state.operations = Operations()
    yield
    await app.state.operations.close()


def operations_of(request: Request) -> Operations:
    """Return the operations of this process."""
    return cast(Operations, request.app.state.operations)
