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
        await record(context, caller, action, outcome=f"{operation.state}: {operation.progress}"[:500])


@asynccontextmanager
async def console_operations(app: FastAPI) -> AsyncIterator[None]:
    """Keep the operations of the console as long as the application lives."""
    app.state.operations = Operations()
    yield
    await app.state.operations.close()


def operations_of(request: Request) -> Operations:
    """Return the operations of this process."""
    return cast(Operations, request.app.state.operations)
