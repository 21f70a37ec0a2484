"""PostgreSQL stopped, crashed, frozen, full, out of connections, and transactions ended, locked out or deadlocked."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import psutil
import psycopg2

from tests.faults.drill import Drill, Fault
from tests.faults.load import DOMAIN
from tests.faults.matrix.redis import filled
from tests.faults.rig import Rig, Work
from tests.support.processes import each, family_of, thaw
from tests.support.waiting import eventually

TASKS = "starts_with(application_name, 'pc_worker task ') AND pid <> pg_backend_pid()"
#: Makes every commit that logs rows last 0.2 s, inside COMMIT itself.
SLOW_COMMIT = """
CREATE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON log_batches DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION slow_commit();
"""
END_BUILD = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE query LIKE '%CREATE INDEX CONCURRENTLY%' AND pid <> pg_backend_pid()
"""
VECTOR_INDEXES = """
SELECT indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am a ON a.oid = c.relam WHERE a.amname IN ('hnsw', 'ivfflat')
"""


def stopped(drill: Drill) -> None:
    """Stop it immediately; it is restarted and recovers."""

    def inject(_: Work) -> None:
        with suppress(ProcessLookupError):
            os.kill(drill.rig.servers.pid("postgres"), signal.SIGQUIT)

    drill.under_load(inject, rows=400)


def backend_killed(drill: Drill) -> None:
    """Kill the process behind a worker's connection: PostgreSQL ends all others and recovers."""

    def inject(_: Work) -> None:
        found = drill.rig.query(f"SELECT pid FROM pg_stat_activity WHERE {TASKS}")
        with suppress(ProcessLookupError):
            os.kill(drill.rig.random.choice(found or [(drill.rig.servers.pid("postgres"),)])[0], signal.SIGKILL)

    drill.under_load(inject, rows=400)


def terminated(drill: Drill) -> None:
    """End the workers' sessions, wherever they are."""

    def inject(_: Work) -> None:
        drill.rig.query(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {TASKS}")

    drill.under_load(inject, rows=400)


def terminated_in_commit(drill: Drill) -> None:
    """End a worker's session while it is inside COMMIT."""
    rig = drill.rig
    rig.query(SLOW_COMMIT)
    statement = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {TASKS} AND state = 'active' "

    def inject(_: Work) -> int:
        return len(eventually(lambda: rig.query(statement + "AND query = 'COMMIT'"), what="a commit to end"))

    try:
        drill.under_load(inject, rows=150)
    finally:
        rig.query("DROP TRIGGER slow_commit ON log_batches; DROP FUNCTION slow_commit()")


def locked(drill: Drill) -> None:
    """Lock the rows' table against everybody for 3 s."""

    def inject(_: Work) -> None:
        with closing(psycopg2.connect(drill.rig.servers.database_url)) as connection, connection.cursor() as cursor:
            cursor.execute("LOCK TABLE rows IN ACCESS EXCLUSIVE MODE")
            time.sleep(3)
            connection.rollback()

    drill.under_load(inject, rows=400)


def deadlocked(drill: Drill) -> None:
    """Lock the domain's head first and its rows after, the wrong way round, while workers do it the right way."""
    rig = drill.rig

    def inject(_: Work) -> None:
        with closing(psycopg2.connect(rig.servers.database_url)) as connection, connection.cursor() as cursor:
            cursor.execute("SET deadlock_timeout = '10s'")  # so that the worker's transaction is the victim
            cursor.execute("SELECT 1 FROM domains WHERE domain = %s FOR UPDATE", (DOMAIN,))
            time.sleep(0.5)  # the workers are now inside their transactions and wait for the head
            with suppress(psycopg2.errors.DeadlockDetected):
                cursor.execute("SELECT 1 FROM rows WHERE domain = %s FOR UPDATE", (DOMAIN,))
            connection.rollback()

    drill.under_load(inject, rows=400)


def same_rows(drill: Drill) -> None:
    """Run two jobs at once over the same rows: the later-started one wins every row, for any order of chunks."""
    rig = drill.rig
    while drill.injected < drill.times:
        first = rig.begin(rows=400)
        state = rig.random.getstate()
        rig.moved(first, 0)
        second = rig.begin(rows=400)
        rig.random.setstate(state)
        since = time.monotonic()
        for work in (first, second):
            drill.note(rig.finish(work))
        drill.injected += 1
        drill.check()
        drill.settled_s.append(time.monotonic() - since)


def out_of_connections(drill: Drill) -> None:
    """Take every connection for 4 s, and make the workers reconnect."""
    rig = drill.rig

    def inject(_: Work) -> None:
        with ExitStack() as held, suppress(psycopg2.OperationalError):
            control = held.enter_context(closing(psycopg2.connect(rig.servers.database_url)))
            rig.to_postgres.cut()
            for _number in range(200):
                held.enter_context(closing(psycopg2.connect(rig.servers.database_url)))
            control.rollback()
        with ExitStack() as held:
            until = time.monotonic() + 4
            while time.monotonic() < until:
                try:
                    held.enter_context(closing(psycopg2.connect(rig.servers.database_url)))
                except psycopg2.OperationalError:
                    time.sleep(0.05)

    drill.under_load(inject, rows=400)


def disk_full(drill: Drill) -> None:
    """Fill the volume under its data for 4 s."""

    def inject(_: Work) -> None:
        with filled(drill.rig.mounts["postgres"]):
            time.sleep(4)

    drill.under_load(inject, rows=400, most_a_job=1)


def frozen(drill: Drill) -> None:
    """Freeze all its processes for 3 to 8 s."""

    def inject(_: Work) -> None:
        family = family_of(drill.rig.servers.pid("postgres"))
        each(family, psutil.Process.suspend)
        time.sleep(drill.rig.random.uniform(3, 8))
        thaw(family)

    drill.under_load(inject, rows=400)


def failed_over(drill: Drill) -> None:
    """Break every connection and take no writes for 3 s, as a standby does until it is promoted."""

    def inject(_: Work) -> None:
        with _without_writes(drill.rig):
            drill.rig.to_postgres.cut()
            time.sleep(3)

    drill.under_load(inject, rows=400)


def read_only(drill: Drill) -> None:
    """Take no writes for 3 s in sessions that go on."""

    def inject(_: Work) -> None:
        with _without_writes(drill.rig):
            time.sleep(3)

    drill.under_load(inject, rows=400)


@contextmanager
def _without_writes(rig: Rig) -> Iterator[None]:
    with closing(psycopg2.connect(rig.servers.database_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True  # a session's own setting wins: this one can turn it off again
        cursor.execute("SET default_transaction_read_only = off")
        cursor.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        cursor.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            cursor.execute("ALTER SYSTEM RESET default_transaction_read_only")
            cursor.execute("SELECT pg_reload_conf()")


def index_builds_killed(drill: Drill) -> None:
    """End concurrent index builds while they wait; the next build must leave a valid index and no invalid one."""
    drill.rig.points.tune(constants={"pc_worker.services.search.index.indexes": {"MIN_VECTORS": 100}})
    work = drill.rig.begin(rows=400, chunk_size=50)
    drill.note(drill.rig.finish(work))
    try:
        while drill.injected < drill.times:
            index_build_killed(drill, drill.rig)
    finally:
        drill.rig.points.tune()


def index_build_killed(drill: Drill, rig: Rig) -> None:
    """End one, and build again."""
    since = time.monotonic()
    with closing(psycopg2.connect(rig.servers.database_url)) as blocker, blocker.cursor() as cursor:
        cursor.execute("LOCK TABLE embeddings IN ROW EXCLUSIVE MODE")  # a build waits for this transaction to end
        build = threading.Thread(target=rig.stack.run, args=("index", "build", "--domain", DOMAIN))
        build.start()
        eventually(lambda: rig.query(END_BUILD), what="an index build to end")
        drill.injected += 1
        blocker.rollback()
        build.join(120)
    again = rig.stack.run("index", "build", "--domain", DOMAIN)
    invalid = rig.query("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
    drill.expect(again.code == 0, f"index build ended with {again.code}: {again.err.strip()}")
    drill.expect(invalid == [(0,)], f"{invalid[0][0]} invalid indexes are left")
    drill.check()
    drill.settled_s.append(time.monotonic() - since)
    for (name,) in rig.query(VECTOR_INDEXES):
        rig.query(f"DROP INDEX {name}")


FAULTS = (
    Fault(name="pg-stop", matrix="17", what="PostgreSQL immediate stop and restart", times=6, run=stopped),
    Fault(name="pg-backend-kill", matrix="17", what="backend SIGKILL, recovery of all", times=4, run=backend_killed),
    Fault(name="pg-terminate", matrix="18", what="sessions terminated anywhere", times=15, run=terminated),
    Fault(name="pg-commit", matrix="18", what="session terminated inside COMMIT", times=8, run=terminated_in_commit),
    Fault(name="pg-lock", matrix="19", what="tables locked for 3 s", times=2, run=locked),
    Fault(name="pg-deadlock", matrix="19", what="deadlock with a stranger's transaction", times=3, run=deadlocked),
    Fault(name="same-rows", matrix="19", what="two jobs at once over the same rows", times=2, run=same_rows),
    Fault(name="pg-connections", matrix="20", what="no connection left for 4 s", times=2, run=out_of_connections),
    Fault(
        name="pg-disk", matrix="20", what="disk of PostgreSQL full for 4 s", times=2, run=disk_full, volume="postgres"
    ),
    Fault(name="pg-freeze", matrix="14", what="PostgreSQL frozen for 3 to 8 s", times=2, run=frozen),
    Fault(name="pg-failover", matrix="17", what="failover: cut, no writes for 3 s", times=2, run=failed_over),
    Fault(name="pg-read-only", matrix="17", what="no writes for 3 s in open sessions", times=2, run=read_only),
    Fault(name="pg-index", matrix="21", what="concurrent index build ended half-way", times=2, run=index_builds_killed),
)
