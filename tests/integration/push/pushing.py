"""What the tests of the push share: pushing with little patience, and looking at the checkpoint."""

from __future__ import annotations

from collections.abc import Callable

from pc_worker.push import PushLimits
from pc_worker.services.push.push import Pushed, PushRequest
from pc_worker.services.push.push import push as do_push
from pc_worker.store.db.connection import Database
from tests.integration.push.domain_log import DomainLog
from tests.support.batch_server import StockBatchServer

NewLog = Callable[[str], DomainLog]

#: Quick to repeat and to give up.
QUICK = PushLimits(unavailable_attempts=2, pause_s=0.01, longest_pause_s=0.01)


def push(
    database: Database,
    server: StockBatchServer,
    domain: str,
    *,
    limits: PushLimits = QUICK,
    after: int | str | None = None,
) -> Pushed:
    return do_push(database, PushRequest(domain=domain, after=after), servers=(server.address,), limits=limits)


def checkpoint(database: Database, server: StockBatchServer, domain: str) -> int | None:
    with database.transaction() as cursor:
        cursor.execute(
            "SELECT position FROM push_checkpoints WHERE domain = %s AND address = %s", (domain, server.address)
        )
        row = cursor.fetchone()
    return None if row is None else int(row[0])
