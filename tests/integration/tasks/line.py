"""Workers of a test module: processes of their own, on a broker and a database of the module's own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import celery
import psutil
import redis

from pc_worker.store.db.connection import Database
from tests.support.frames import write_recruit
from tests.support.stack import SHARED_MODELS, environment
from tests.support.waiting import eventually

ENDED = ("completed", "partial", "failed", "cancelled")


@dataclass
class Line:
    """A broker, a database, and workers on them."""

    folder: Path
    database_url: str
    redis_url: str
    database: Database
    broker: redis.Redis
    client: celery.Celery
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What a part needs to work on this line."""
        return environment(
            self.folder,
            PC_WORKER_DATABASE_URL=self.database_url,
            PC_WORKER_REDIS_URL=self.redis_url,
            PC_WORKER_DATA_ROOTS=str(self.folder),
            **self.settings,
        )

    @contextmanager
    def worker(self, name: str = "worker", *, concurrency: int = 1, **more: str) -> Iterator[psutil.Popen]:
        """Run a worker; it is ready when it answers."""
        command = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "--without-gossip", "--without-mingle"]
        command += [f"--concurrency={concurrency}", f"--hostname={name}@%h", "--loglevel=INFO"]
        log = self.folder / f"{name}.log"
        with log.open("ab") as file:
            process = psutil.Popen(
                command, env=self.environment | more, stdout=file, stderr=file, cwd=self.folder, start_new_session=True
            )
        try:
            eventually(lambda: " ready." in log.read_text() or not process.is_running(), what="the worker's start")
            yield process
        finally:
            with suppress(psutil.NoSuchProcess):  # the test has ended it
                process.terminate()
            try:
                process.wait(60)
            except psutil.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)

    def log(self, name: str = "worker") -> str:
        """Return the output of a worker."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with self.database.transaction() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def state(self, job_id: str) -> str | None:
        """Return a job's state, once it has ended."""
        found = self.query("SELECT state FROM jobs WHERE job_id = %s", job_id)
        return str(found[0][0]) if found and found[0][0] in ENDED else None

    def error(self, job_id: str) -> str:
        """Return a failed job's error."""
        ((state, error),) = self.query("SELECT state, error FROM jobs WHERE job_id = %s", job_id)
        assert state == "failed"
        return str(error)

    def job(self, name: str, *, rows: int = 3, **more: Any) -> str:
        """Send a valid job and return its id."""
        source = write_recruit(self.folder / f"{name}.pkl", rows, changes={0: {"Position": name}})
        kwargs = {"path": str(source), "domain": "recruit"} | more
        return str(self.client.send_task("pc_worker.ingest_file", kwargs=kwargs).id)

    def completes(self, name: str) -> None:
        """Check that a valid job is done after any other message."""
        job = self.job(name)
        assert eventually(lambda: self.state(job), within_s=60, what=f"the end of job {name}") == "completed"


@contextmanager
def running_line(folder: Path, database_url: str, redis_url: str, **settings: str) -> Iterator[Line]:
    """Yield a pipeline without workers."""
    SHARED_MODELS.mkdir(parents=True, exist_ok=True)
    (folder / "models").symlink_to(SHARED_MODELS)
    broker = redis.Redis.from_url(redis_url)
    broker.flushdb()
    database = Database(database_url, application="test")
    client = celery.Celery(broker=redis_url, backend=redis_url, set_as_current=False)
    try:
        yield Line(folder, database_url, redis_url, database, broker, client, settings)
    finally:
        client.close()
        database.close()
        broker.flushdb()
        broker.close()
