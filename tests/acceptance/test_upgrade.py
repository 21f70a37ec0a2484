"""A rolling upgrade by one version: the schema goes first, then worker after worker, while a job is half done.

``tests/data/previous_version.tar.xz`` is the version before, as it was: its own code at work, not an imitation. Renew
it when a version is released:  git archive TAG pc_worker tasks migrations celeryconfig.py | xz -9e > FILE
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pc_worker.embedded import EmbeddedServers, start_servers
from pc_worker.services.jobs.job_control import ENDED
from pc_worker.settings import PROJECT
from pc_worker.store.db.connection import Database
from pc_worker.store.db.migrations import pending, read_migrations
from tests.support.frames import write_documents, write_recruit
from tests.support.stack import Result, environment, run_command
from tests.support.waiting import eventually

PREVIOUS = PROJECT / "tests/data/previous_version.tar.xz"
TEXTS = [f"the text of note number {n}, long enough to take its time" for n in range(1500)]


@dataclass
class Site:
    """One installation, by URLs as in production, on which two versions meet."""

    folder: Path
    servers: EmbeddedServers
    database: Database

    def env(self, version: Path) -> dict[str, str]:
        """Return the environment of a part of this version; all share one HOME, as containers share a volume."""
        ours = environment(
            self.folder / "home",
            PC_WORKER_DATABASE_URL=self.servers.database_url,
            PC_WORKER_REDIS_URL=self.servers.redis_url,
            PC_WORKER_DATA_ROOTS=str(self.folder),
            PC_WORKER_ENCODER="torch",  # no export of the model first
        )
        return {**ours, "PYTHONPATH": str(version), "PYTHONSAFEPATH": "1"}

    def run(self, version: Path, *arguments: str) -> Result:
        """Run a command of this version."""
        result = run_command(*arguments, env=self.env(version), cwd=self.folder)
        assert result.code == 0, result.err
        return result

    def enqueue(self, version: Path, source: Path, domain: str) -> str:
        """Send a file's message as this version writes it."""
        return str(self.run(version, "ingest", str(source), "--domain", domain, "--json").json()["job_id"])

    def worker(self, version: Path) -> subprocess.Popen[bytes]:
        """Start a worker of this version with one process."""
        argv = [sys.executable, "-m", "pc_worker", "worker", "--concurrency=1"]
        with (self.folder / "workers.log").open("ab") as log:
            return subprocess.Popen(argv, env=self.env(version), cwd=self.folder, stdout=log, stderr=log)

    def value(self, statement: str, *values: object) -> int:
        """Ask the database for one number."""
        with self.database.transaction() as cursor:
            cursor.execute(statement, values)
            ((found,),) = cursor.fetchall()
            return int(found)

    def chunks_done(self, job: str) -> int:
        """Return chunks of a job that are done."""
        return self.value("SELECT count(*) FROM chunks WHERE job_id = %s AND state = 'done'", job)

    def is_at_work(self, job: str) -> bool:
        """Return whether a chunk of a job is being embedded."""
        leased = "SELECT count(*) FROM chunks WHERE job_id = %s AND state = 'enqueued' AND lease_until > now()"
        return self.value(leased, job) > 0

    def has_ended(self, job: str) -> bool:
        """Return whether a job is over."""
        return bool(self.value("SELECT count(*) FROM jobs WHERE job_id = %s AND state = ANY (%s)", job, list(ENDED)))


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    folder = tmp_path / "previous"
    with tarfile.open(PREVIOUS) as archive:
        # Pythons before 3.11.4 have no filters.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        archive.extractall(folder)
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    servers = start_servers(tmp_path / "servers")
    database = Database(servers.database_url, application="test")
    yield Site(tmp_path, servers, database)
    database.close()
    servers.stop()


@contextmanager
def stopped_at_the_end(worker: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """End a worker with the block, even after an error."""
    try:
        yield worker
    finally:
        worker.kill()  # its pool dies with it
        worker.wait()


@pytest.mark.slow
def test_two_versions_share_a_schema_and_a_job(site: Site, previous: Path, tmp_path: Path) -> None:
    site.run(previous, "migrate")
    job = site.enqueue(previous, write_documents(tmp_path / "d.pkl", TEXTS), "document")
    with stopped_at_the_end(site.worker(previous)) as old_worker:
        eventually(lambda: site.chunks_done(job) >= 1, within_s=120, what="a chunk by the old version")

        assert pending(site.database, read_migrations(PROJECT / "migrations"))
        site.run(PROJECT, "migrate")
        before = site.chunks_done(job)
        eventually(lambda: site.chunks_done(job) > before, what="a chunk by the old version in the new schema")

        eventually(lambda: site.is_at_work(job), what="a chunk at work", brief=True)
        old_worker.terminate()
        assert old_worker.wait(timeout=60) == 0
    assert not site.has_ended(job), "the job was over before the new version came"
    waiting = site.enqueue(previous, write_recruit(tmp_path / "r.pkl", 40), "recruit")
    with stopped_at_the_end(site.worker(PROJECT)):
        eventually(lambda: site.has_ended(job) and site.has_ended(waiting), within_s=120, what="both jobs' ends")

    for name, rows, domain in ((job, len(TEXTS), "document"), (waiting, 40, "recruit")):
        status = site.run(PROJECT, "status", name, "--json").json()
        assert (status["state"], status["rows_written"]) == ("completed", rows), status
        assert site.value("SELECT count(DISTINCT row_id) FROM embeddings WHERE domain = %s", domain) == rows
        assert site.value("SELECT head FROM domains WHERE domain = %s", domain) == rows
        assert site.value("SELECT count(*) FROM log WHERE domain = %s", domain) == rows
