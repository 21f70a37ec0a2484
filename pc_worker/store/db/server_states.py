"""What an error of either driver, asyncpg or psycopg2, says of the state of the server: by its SQLSTATE."""

from __future__ import annotations

AWAY = "PostgreSQL does not answer"
#: By the whole SQLSTATE, else by its class: states that an operator or time can fix.
STATES = {
    "53100": "the disk of PostgreSQL is full, free some space there",
    "53200": "PostgreSQL has no memory left",
    "53300": "PostgreSQL takes no more connections, try again later",
    "53400": "PostgreSQL has reached a limit of its configuration",
    "57014": "PostgreSQL ended a statement before its end",  # its time was over, or it was cancelled
}
CLASSES = {
    "08": AWAY,  # connection exceptions
    "0A": "the database's schema has just changed",  # a cached plan does not fit any more
    "25": "the database cannot serve this now",  # read-only, a standby
    "28": "PostgreSQL denies access",  # password, role, pg_hba.conf
    "3D": AWAY,  # the database was dropped
    "3F": "the database's schema is not as this program needs it",
    "40": "PostgreSQL asks to try again",  # deadlock, serialisation
    "42": "the database's schema or rights are not as this program needs them",  # missing table or column, REVOKE
    "53": "PostgreSQL lacks a resource",
    "54": "PostgreSQL has reached a limit",  # of transaction ids; those of values and statements stay
    "55": "PostgreSQL does not accept this now",  # ALLOW_CONNECTIONS false, a lock that was not acquired in time
    "57": AWAY,  # shutdown, crash
    "58": "PostgreSQL cannot read or write its files",
}
#: In errors of shared memory, in every language: the name of a segment, which lies in /dev/shm.
SEGMENT = '"/PostgreSQL.'
SHARED_MEMORY_FULL = "the shared memory (/dev/shm) of PostgreSQL is full"
DISK_FULL = "53100"


def sqlstate(error: BaseException) -> str | None:
    """Return the SQLSTATE of an error; None of one that has none, as of a connection that failed."""
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return state if isinstance(state, str) else None


def server_state(error: BaseException) -> str | None:
    """Return what an error says of the state of the server; None if it is of the statement or its values."""
    state = sqlstate(error)
    if state is None:
        return None
    if lacks_shared_memory(error):
        return SHARED_MEMORY_FULL
    return STATES.get(state) or CLASSES.get(state[:2])


def lacks_shared_memory(error: BaseException) -> bool:
    """Return whether an error of a full disk is one of shared memory, which PostgreSQL reports likewise."""
    return sqlstate(error) == DISK_FULL and SEGMENT in str(error)
