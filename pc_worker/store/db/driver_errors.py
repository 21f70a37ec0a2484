"""The table from the errors of both drivers, asyncpg and psycopg2, to our errors: by SQLSTATE, else by class."""

from __future__ import annotations

import asyncpg
import psycopg2

from pc_worker.errors import DatabaseFailed, PcWorkerError, Unavailable
from pc_worker.logs import get_logger
from pc_worker.store.db.connection import first_line, is_beyond_limits
from pc_worker.store.db.server_states import AWAY, server_state, sqlstate

log = get_logger(__name__)


#: Errors without a SQLSTATE: the connection failed, could not be opened, did not answer, or cannot be used any more.
BROKEN = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
)


def translated(error: Exception) -> PcWorkerError:
    """Return the error of ours for ``error``; an error of ours is returned unchanged."""
    if isinstance(error, PcWorkerError):
        return error
    state = sqlstate(error)
    if (found := server_state(error)) is not None and not is_beyond_limits(error):
        return Unavailable(f"{found}: {first_line(error)}")
    if state is None and isinstance(error, BROKEN):
        return Unavailable(f"{AWAY}: {first_line(error)}")
    log.error("database_failed", error=first_line(error), sqlstate=state, exc_info=error)
    return DatabaseFailed(f"the database answered with an error, which is in the log: {first_line(error)}")
