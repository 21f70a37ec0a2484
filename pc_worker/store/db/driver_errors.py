"""The one table from what the drivers raise, asyncpg and psycopg2 alike, to our errors: by SQLSTATE, else by kind."""

from __future__ import annotations

import asyncpg
import psycopg2

from pc_worker.errors import DatabaseFailed, PcWorkerError, Unavailable
from pc_worker.logs import get_logger
from pc_worker.store.db.connection import first_line

log = get_logger(__name__)


#: Without a SQLSTATE: the connection broke, could not be made, did not answer, or is in no state to be used.
BROKEN = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
)
#: Classes of SQLSTATE that tell of the server's or the schema's present state, which an operator or time mends.
STATES = {
    "08": "the database is away",  # connection exceptions
    "0A": "the database's schema has just changed",  # a cached plan does not fit any more
    "25": "the database cannot serve this now",  # read-only, a standby
    "28": "the database lets nobody in",  # password, role, pg_hba.conf
    "3D": "the database is away",  # dropped
    "3F": "the database's schema is not as this program needs it",
    "40": "the database asks to try again",  # deadlock, serialisation
    "42": "the database's schema or rights are not as this program needs them",  # missing table or column, REVOKE
    "53": "the database has no room",  # connections, memory, disk
    "54": "the database has reached a limit",
    "55": "the database does not accept this now",  # ALLOW_CONNECTIONS false, a lock that is not had in time
    "57": "the database is away",  # shutdown, crash, a cancelled statement
    "58": "the database is in trouble",  # input and output errors
}


def translated(error: Exception) -> PcWorkerError:
    """Give the error of ours that stands for ``error``; one of ours stays as it is."""
    if isinstance(error, PcWorkerError):
        return error
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if isinstance(state, str) and state[:2] in STATES:
        return Unavailable(f"{STATES[state[:2]]}: {first_line(error)}")
    if state is None and isinstance(error, BROKEN):
        return Unavailable(f"the database is away: {first_line(error)}")
    log.error("database_failed", error=first_line(error), sqlstate=state, exc_info=error)
    return DatabaseFailed(f"the database answered with an error, which is in the log: {first_line(error)}")
