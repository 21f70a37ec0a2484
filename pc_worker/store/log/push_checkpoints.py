"""How far a batch server has been fed, and the lock by which only one push at a time feeds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from pc_worker.errors import Unavailable
from pc_worker.store.db.connection import Cursor, Database

#: A session's lock: it dies with the connection of a push that was killed.
KEY = "hashtextextended('push:' || %s || ':' || %s, 0)"
TAKE = f"SELECT pg_try_advisory_lock({KEY})"
GIVE_BACK = f"SELECT pg_advisory_unlock({KEY})"
READ = "SELECT position FROM push_checkpoints WHERE domain = %s AND address = %s AND epoch = %s"
MOVE = """
INSERT INTO push_checkpoints (domain, address, epoch, position) VALUES (%s, %s, %s, %s)
ON CONFLICT (domain, address) DO UPDATE
SET epoch = excluded.epoch, position = excluded.position, updated_at = clock_timestamp()
"""


@contextmanager
def push_lock(database: Database, domain: str, address: str) -> Iterator[bool]:
    """Hold the right to push a domain to an address inside the block; False if another session has it."""
    with database.transaction() as cursor:
        cursor.execute(TAKE, (domain, address))
        (alone,) = cursor.fetchone() or (False,)
    try:
        yield bool(alone)
    finally:
        if alone:
            # Without its connection the lock is gone already.
            with suppress(Unavailable), database.transaction() as cursor:
                cursor.execute(GIVE_BACK, (domain, address))


def read_checkpoint(cursor: Cursor, domain: str, address: str, epoch: UUID) -> int:
    """Give the position up to which the server has acknowledged this generation of the log; 0 = nothing yet."""
    cursor.execute(READ, (domain, address, str(epoch)))
    row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def move_checkpoint(cursor: Cursor, domain: str, address: str, epoch: UUID, position: int) -> None:
    """Note that the server has acknowledged everything up to ``position``."""
    cursor.execute(MOVE, (domain, address, str(epoch), position))
