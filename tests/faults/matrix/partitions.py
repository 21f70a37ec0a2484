"""`migrate --partition` killed while it copies a domain that is being written."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.faults.drill import Drill, Fault
from tests.faults.load import DOMAIN
from tests.faults.rig import Rig
from tests.support.waiting import eventually

COMMAND = ("migrate", "--partition", DOMAIN, "--parts", "4")
PROGRESS = "SELECT copied::text FROM partitions"
LEFT = """
SELECT relname FROM pg_class WHERE relname ~ '^(next|former)_'
UNION ALL SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid
"""


def copies_killed(drill: Drill) -> None:
    """Kill it after a few steps each time, then let it end; a rig can run this row once."""
    rig = drill.rig
    rig.points.tune(constants={"pc_worker.store.partitions.fill": {"STEP_ROWS": 20}})
    work = rig.begin(rows=600, chunk_size=5)
    rig.moved(work, 0)
    last = time.monotonic()
    while drill.injected < drill.times:
        copy_killed(rig)
        drill.injected += 1
        last = time.monotonic()
        drill.look()
    rig.points.tune()
    done = rig.stack.run(*COMMAND)
    drill.expect(done.code == 0, f"migrate --partition ended with {done.code}: {done.err.strip()}")
    drill.settle(work, since=last)
    drill.note(rig.finish(again := rig.begin(rows=400, chunk_size=50)))
    drill.expect(rig.query("SELECT count(*) FROM partitions WHERE done_at IS NULL") == [(0,)], "the copy is not done")
    drill.expect(not (left := rig.query(LEFT)), f"tables or invalid indexes are left: {left}")
    drill.expect(rig.done(again) == -1, "no job ends after it")
    drill.check()


def copy_killed(rig: Rig) -> None:
    """Start it, and kill it as soon as it has copied something."""
    before = rig.query(PROGRESS)
    process = subprocess.Popen(
        [sys.executable, "-m", "pc_worker", *COMMAND], env=rig.stack.env, cwd=rig.folder, stdout=subprocess.DEVNULL
    )
    try:
        eventually(lambda: rig.query(PROGRESS) not in (before, [("{}",)]), what="a step of the copy")
        time.sleep(rig.random.uniform(0, 0.1))
    finally:
        process.kill()
        process.wait()


FAULTS = (
    Fault(name="partition-kill", matrix="21", what="copy into partitions SIGKILL", times=6, run=copies_killed),
)  # fmt: skip
