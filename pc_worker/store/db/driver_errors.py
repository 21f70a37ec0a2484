"""The table from the errors of both drivers, asyncpg and psycopg2, to our errors: by SQLSTATE, else by class."""

from __future__ import annotations

import asyncpg
import psycopg2

from pc_worker.errors import DatabaseFailed, PcWorkerError, Unavailable
from pc_worker.logs import get_logger
from pc_worker.store.db.connection import first_line, is_beyond_limits

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
#: Classes of SQLSTATE that depend on the present state of the server or schema: an operator or time can fix it.
STATES = {
    "08": "the database is away",  # connection exceptions
    "0A": "the database's schema has just changed",  # a cached plan does not fit any more
    "25": "the database cannot serve this now",  # read-only, a standby
    "28": "the database denies access",  # password, role, pg_hba.conf
    "3D": "the database is away",  # dropped
    "3F": "the database's schema is not as this program needs it",
    "40": "the database asks to try again",  # deadlock, serialisation
    "42": "the database's schema or rights are not as this program needs them",  # missing table or column, REVOKE
    "53": "the database has no room",  # connections, memory, disk
    "54": "the database has reached a limit",  # of transaction ids; those of values and statements stay
    "55": "the database does not accept this now",  # ALLOW_CONNECTIONS false, a lock that was not acquired in time
    "57": "the database is away",  # shutdown, crash, a cancelled statement
    "58": "the database is in trouble",  # input and output errors
}


def translated(error: Exception) -> PcWorkerError:
    """Return the error of ours for ``error``; an error of ours is returned unchanged."""
    if isinstance(error, PcWorkerError):
        return error
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if isinstance(state, str) and state[:2] in STATES and not is_beyond_limits(error):
        return Unavailable(f"{STATES[state[:2]]}: {first_line(error)}")
    if state is None and isinstance(error, BROKEN):
        return Unavailable(f"the database is away: {first_line(error)}")
    log.error("database_failed", error=first_line(error), sqlstate=state, exc_info=error)
    return DatabaseFailed(f"the database answered with an error, which is in the log: {first_line(error)}")
