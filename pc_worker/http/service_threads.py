"""Services in threads: they block, and the event loop must not. Each thread has its own connection."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from contextvars import copy_context
from typing import Any, TypeVar

from pc_worker.errors import DeadlineExceeded, Unavailable
from pc_worker.services.dependencies import Services
from pc_worker.store.search.cancel import Stop

T = TypeVar("T")

#: Pause before a call is cancelled again: a request misses a statement that is just beginning.
CANCEL_AGAIN_S = 0.2

#: Calls in threads, of which some may go on after their request.
Calls = list[Future[Any]]


class ServiceThreads:
    """A few threads that run services; a call ends early when its request does, or when its time is over.

    Args:
        name: What runs here, for messages and the names of the threads.
        make: Creates the dependencies of one thread.
        threads: How many calls run at once.
        waiting: How many more may wait for a thread; further ones are refused.
        within_s: How long a call may take, with its wait.
    """

    def __init__(self, name: str, make: Callable[[], Services], *, threads: int, waiting: int, within_s: float) -> None:
        self._name, self._make, self._within_s = name, make, within_s
        self._most, self._local = threads + waiting, threading.local()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._stops: set[Stop] = set()
        self._endings: set[asyncio.Task[None]] = set()

    async def run(
        self, work: Callable[[Services], T], *, within_s: float | None = None, calls: Calls | None = None
    ) -> T:
        """Run ``work`` in a thread and return its result.

        Args:
            work: Called with the thread's services; its statements are cancelled when the caller is.
            within_s: How long it may take, if not as long as usual.
            calls: Where the call is noted, of ``until_ended``.

        Raises:
            Unavailable: If too many calls wait already.
            DeadlineExceeded: If its time is over.
            PcWorkerError: What ``work`` raises.
        """
        if len(self._stops) >= self._most:
            raise Unavailable(f"too many {self._name} are waiting: try again later")
        limit_s = self._within_s if within_s is None else within_s
        stop = Stop(within_s=limit_s)
        self._stops.add(stop)
        call = self._threads.submit(copy_context().run, self._in_thread, work, stop)
        if calls is not None:
            calls.append(call)
        answer = asyncio.wrap_future(call)
        answer.add_done_callback(lambda done: self._ended(done, stop))
        try:
            async with asyncio.timeout(limit_s):
                return await asyncio.shield(answer)
        except TimeoutError as exc:
            raise DeadlineExceeded(f"this took longer than {limit_s:g} s: ask for less, or try again later") from exc
        finally:
            if not call.done():
                self._end_later(call, stop)

    def close(self) -> None:
        """Cancel what still runs, and start nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for stop in tuple(self._stops):
            stop.ask()

    def _in_thread(self, work: Callable[[Services], T], stop: Stop) -> T:
        services: Services | None = getattr(self._local, "services", None)
        if services is None:
            services = self._local.services = self._make()
        with stop.watching(services.database):
            return work(services)

    def _ended(self, answer: asyncio.Future[Any], stop: Stop) -> None:
        self._stops.discard(stop)
        if not answer.cancelled():
            answer.exception()  # otherwise asyncio logs an error that was never retrieved

    def _end_later(self, call: Future[Any], stop: Stop) -> None:
        ending = asyncio.create_task(_end(call, stop))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)


#: What waits for the end of calls; a task that is held nowhere could be collected.
_held: set[asyncio.Task[None]] = set()


@asynccontextmanager
async def until_ended(gate: AbstractAsyncContextManager[Any]) -> AsyncIterator[Calls]:
    """Hold ``gate`` in the block, and until the calls that were noted in it have ended in their threads.

    A call goes on without its request while it encodes or waits for an engine: only statements can be cancelled.
    """
    calls: Calls = []
    await gate.__aenter__()
    try:
        yield calls
    finally:
        if running := [call for call in calls if not call.done()]:
            leaving = asyncio.create_task(_leave(gate, running))
            _held.add(leaving)
            leaving.add_done_callback(_held.discard)
        else:
            await gate.__aexit__(None, None, None)


async def _leave(gate: AbstractAsyncContextManager[Any], calls: Calls) -> None:
    try:
        await asyncio.wait([asyncio.wrap_future(call) for call in calls])
    finally:
        await gate.__aexit__(None, None, None)


async def _end(call: Future[Any], stop: Stop) -> None:
    """Cancel a call and wait until it has ended."""
    if call.cancel():
        return
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    call.add_done_callback(lambda _: loop.call_soon_threadsafe(over.set))
    while not call.done():
        await asyncio.to_thread(stop.ask)
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), CANCEL_AGAIN_S)
