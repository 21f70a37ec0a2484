"""A thread that sees signals while the main thread waits in native code, where no handler of Python runs."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

#: Has the function that ends statements, if this process has loaded it.
STATEMENTS = "pc_worker.store.db.running_statements"
#: Seconds after which is looked again for a statement that was just being sent when the signal came.
AGAIN_S = 0.05


def end_statements_at(handlers: Collection[Callable[..., Any]]) -> None:
    """Cancel what this process waits for in PostgreSQL when a signal arrives whose handler is one of these.

    The handler itself runs as soon as the statement has ended. Other handlers, as those that a part sets for its work,
    end nothing.
    """
    ours, written = socket.socketpair()
    written.setblocking(False)
    signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=_forget)  # a child's signals are none of its parent
    # Passed on, not closed: as long as the thread runs, both ends are open.
    threading.Thread(target=_watch, args=(ours, written, handlers), name="signals", daemon=True).start()


def _forget() -> None:
    with suppress(ValueError):  # forked by another thread than the main one
        signal.set_wakeup_fd(-1)


def _watch(ours: socket.socket, _written: socket.socket, handlers: Collection[Callable[..., Any]]) -> None:
    wait = threading.Event()
    while numbers := ours.recv(64):
        if not any(_handler(number) in handlers for number in numbers):
            continue
        if not _cancel_statements():
            wait.wait(AGAIN_S)
            _cancel_statements()


def _handler(number: int) -> Any:
    with suppress(ValueError):
        return signal.getsignal(number)
    return None


def _cancel_statements() -> int:
    statements = sys.modules.get(STATEMENTS)
    return statements.cancel_statements() if statements is not None else 0
