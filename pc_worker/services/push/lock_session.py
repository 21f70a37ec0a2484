"""The session that holds the lock of a push: it may be lost while the batch server works for many minutes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import UUID

import structlog

from pc_worker.errors import Unavailable
from pc_worker.retry import RetryPolicy
from pc_worker.store.db.connection import Database
from pc_worker.store.log.push_state import rewind_checkpoint, session_of

log = structlog.get_logger(__name__)

#: About a minute: then the next push starts where the checkpoint is.
RECONNECT = RetryPolicy(attempts=10, first_s=0.5, longest_s=10.0)


class LockLost(Exception):
    """The session that held the lock has ended: another push may be running."""


class LockSession:
    """The session of a push that has just locked its domain and address.

    Args:
        database: The connection that holds the lock.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._session = self._present()

    def check(self) -> None:
        """Check that the lock is still held; the question also keeps an idle connection open.

        Raises:
            LockLost: If it is not.
        """
        try:
            present = self._present()
        except Unavailable as exc:
            raise LockLost(str(exc)) from exc
        if present != self._session:
            raise LockLost("the connection was opened again")

    def _present(self) -> int:
        with self._database.transaction() as cursor:
            return session_of(cursor)

    @contextmanager
    def sending(self, domain: str, address: str, epoch: UUID, *, after: int | None) -> Iterator[None]:
        """Send rows after position ``after`` in the block; if the lock is lost in it, let them be sent again.

        A push that ran meanwhile may have sent newer versions before the last call of this one was processed. With
        ``after`` None the checkpoint stays.

        Raises:
            LockLost: If the lock was lost.
            Unavailable: If the batch server does not answer, or PostgreSQL stays unavailable.
        """
        try:
            yield
            self.check()
        except (LockLost, Unavailable) as error:
            try:
                self.check()
            except LockLost as lost:
                log.warning("push_lock_lost", domain=domain, address=address, after=after, reason=str(lost))
                if after is not None:
                    RECONNECT.call(partial(self._rewind, domain, address, epoch, after), on=Unavailable)
                raise LockLost(str(lost)) from error
            raise

    def _rewind(self, domain: str, address: str, epoch: UUID, position: int) -> None:
        with self._database.transaction() as cursor:
            rewind_checkpoint(cursor, domain, address, epoch, position)
