"""The statements that this process waits for: a signal that ends the process ends them, too.

The driver waits in native code, in which no handler of Python runs. A wait callback would change that, but with one
the driver cannot COPY.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import suppress

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_ACTIVE, connection

#: Sessions by their id in this process.
_sessions: weakref.WeakValueDictionary[int, connection] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def watch(session: connection) -> None:
    """Let ``cancel_statements`` end the statements of this session, as long as it lives."""
    with _lock:
        _sessions[id(session)] = session


def cancel_statements() -> int:
    """Cancel the statement of every session that waits for one; return how many. Called by another thread."""
    with _lock:
        sessions = list(_sessions.values())
    cancelled = 0
    for session in sessions:
        with suppress(psycopg2.Error):  # closed meanwhile
            if not session.closed and session.info.transaction_status == TRANSACTION_STATUS_ACTIVE:
                session.cancel()
                cancelled += 1
    return cancelled
