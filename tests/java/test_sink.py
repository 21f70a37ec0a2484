"""The sample sink's table equals the source after any process was killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from pathlib import Path
from typing import IO

import psutil
import pytest

from tests.support.frames import row_uuid, write_recruit
from tests.support.java import Java
from tests.support.stack import LiveStack
from tests.support.waiting import eventually

pytestmark = pytest.mark.java

SINK = "com.alpha.pcworker.sample.PostgresSink"
ROWS = 900
KILLS = 6
#: Rows of either side that the other has not, or has otherwise: fields, nulls, place in the log, vectors.
DIFFERENCES = """
SELECT count(*) FROM pcw_recruit s
FULL JOIN (
    SELECT r.row_id, r.payload, l.position, e.vector::real[] AS vector
    FROM rows r JOIN log l USING (domain, row_id) JOIN embeddings e USING (domain, row_id)
    WHERE r.domain = 'recruit' AND l.superseded_by IS NULL
) r ON s.pcw_id = r.row_id
WHERE s.pcw_id IS NULL OR r.row_id IS NULL
   OR s.pcw_position <> r.position
   OR s.experience_years IS DISTINCT FROM (r.payload ->> 'experience_years')::int
   OR s.english_level IS DISTINCT FROM r.payload ->> 'english_level'
   OR s.position IS DISTINCT FROM r.payload ->> 'position'
   OR to_jsonb(s.skills) IS DISTINCT FROM r.payload -> 'skills'
   OR (SELECT array_agg(x) FROM unnest(s.vectors) x) <> r.vector
"""


FITS = "position <> 'Again 77'"
DUE = "SELECT due_at < now() FROM nacked_rows"


class Sink:
    """The sink's process, started again by us as a supervisor would."""

    def __init__(self, java: Java, stack: LiveStack, log: IO[bytes]) -> None:
        self._java, self._log = java, log
        addresses = stack.addresses
        where = ["--gateway", addresses.gateway, "--database", addresses.database_url]
        self.arguments = [*where, "--domain", "recruit", "--batch", "20"]
        self._process: subprocess.Popen[bytes] | None = None

    def keep_running(self) -> None:
        """Start it if it does not run."""
        if self._process is None or self._process.poll() is not None:
            self._process = self._java.start(SINK, *self.arguments, "--follow", log=self._log)

    def kill(self) -> None:
        """Kill it in the middle of its work."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)

    def run_to_the_end(self) -> None:
        """Read all there is."""
        done = self._java.run(SINK, *self.arguments)
        assert done.returncode == 0, done.stderr


def stored(stack: LiveStack) -> int:
    if stack.query("SELECT to_regclass('pcw_recruit')") == [(None,)]:
        return 0
    return int(stack.query("SELECT count(*) FROM pcw_recruit")[0][0])


def wait_for_rows(sink: Sink, stack: LiveStack, wanted: int) -> None:
    """Wait, and restart the sink where it ends: one that starts while the gateway is away ends at once."""

    def is_there() -> bool:
        sink.keep_running()
        return stored(stack) >= wanted

    eventually(is_there, what=f"{wanted} rows in the table")


def kill_gateway(stack: LiveStack) -> None:
    before = stack.addresses.pids["gateway"]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: stack.addresses.pids["gateway"] != before, what="another gateway")
    assert psutil.pid_exists(stack.addresses.pids["gateway"])


def test_the_table_equals_the_source_whatever_is_killed(java: Java, own_stack: LiveStack, tmp_path: Path) -> None:
    chance = random.Random(20261121)
    source = write_recruit(tmp_path / "r.pkl", ROWS, changes={7: {"Exp Years": None}})
    own_stack.run("ingest", str(source), "--domain", "recruit", "--json")
    with (tmp_path / "sink.log").open("wb") as log:
        sink = Sink(java, own_stack, log)
        interrupted = 0

        try:
            for number in range(KILLS):
                wanted = number * ROWS // KILLS + chance.randrange(1, ROWS // KILLS)
                wait_for_rows(sink, own_stack, wanted)
                interrupted += stored(own_stack) < ROWS
                sink.kill() if number % 2 == 0 or chance.random() < 0.3 else kill_gateway(own_stack)
            wait_for_rows(sink, own_stack, ROWS)
        finally:
            sink.kill()

        assert interrupted >= KILLS // 2
        assert own_stack.query(DIFFERENCES) == [(0,)]

        changed = write_recruit(tmp_path / "r.pkl", ROWS, changes={n: {"Position": "Changed"} for n in range(50)})
        assert own_stack.ingest(changed, "recruit")["rows_written"] == 50
        gone = [row_uuid(n) for n in range(40, 60)]
        own_stack.run("forget", "--domain", "recruit", *(part for row in gone for part in ("--id", row)))
        sink.run_to_the_end()

        assert own_stack.query(DIFFERENCES) == [(0,)]
        assert stored(own_stack) == ROWS - len(gone)
        goes_on_without_a_row_that_the_table_refuses(sink, own_stack, tmp_path / "r.pkl")


def goes_on_without_a_row_that_the_table_refuses(sink: Sink, stack: LiveStack, path: Path) -> None:
    stack.query(f"ALTER TABLE pcw_recruit ADD CONSTRAINT fits CHECK ({FITS}) NOT VALID; SELECT 1")
    changed = write_recruit(path, 200, first=100, changes={n: {"Position": f"Again {n}"} for n in range(200)})
    stack.ingest(changed, "recruit")
    sink.run_to_the_end()
    refused = stack.query(DIFFERENCES)
    nacked = stack.query("SELECT row_id::text, reason FROM nacked_rows")
    stack.query("ALTER TABLE pcw_recruit DROP CONSTRAINT fits; SELECT 1")
    eventually(lambda: stack.query(DUE) == [(True,)], what="the second delivery")
    sink.run_to_the_end()

    assert refused == [(1,)]
    assert [row_id for row_id, _ in nacked] == [row_uuid(177)]
    assert 'violates check constraint "fits"' in nacked[0][1]
    assert stack.query(DIFFERENCES) == [(0,)]
    assert stack.query("SELECT * FROM nacked_rows") == []


def test_wrong_usage_and_absent_services_are_told_apart(java: Java) -> None:
    usage = java.run(SINK, "--domain", "recruit")
    away = java.run(
        SINK, "--gateway", "127.0.0.1:1", "--database", "postgresql://a:b@127.0.0.1:1/c", "--domain", "recruit"
    )

    assert (usage.returncode, usage.stderr.splitlines()[0]) == (2, "error: --gateway is missing")
    assert (away.returncode, away.stderr.startswith("error: ")) == (69, True)
