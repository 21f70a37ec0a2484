"""The fault table from one command: ``python -m tests.faults --seed N [--only ROW …] [--times K] [--json FILE]``."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import grpc
import psutil
import psycopg2
import redis
from rich.console import Console
from rich.table import Table

from pc_worker.bench.processor import processor
from tests.faults.drill import Drill, spread
from tests.faults.matrix.rows import FAULTS
from tests.faults.rig import running_rig, temporary_folder

#: What may break the harness itself: a service or process that is not there when it is needed.
BROKEN = (
    AssertionError, OSError, LookupError, ValueError, psutil.Error, psycopg2.Error, redis.RedisError, grpc.RpcError,
)  # fmt: skip
COLUMNS = ("fault", "matrix", "injected", "lost", "doubled", "next chunk s", "settled s", "what")


def main(arguments: Sequence[str]) -> int:
    """Run the asked rows and print the table; 0 if nothing was lost or doubled."""
    options = parsed(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that nothing is left running
    chosen = [fault for fault in FAULTS if not options.only or fault.name in options.only]
    console = Console(width=160)
    console.print(processor())
    began = time.monotonic()
    drills: list[Drill] = []
    with (
        suppress(KeyboardInterrupt),  # the finished part is reported
        temporary_folder() as folder,
        running_rig(folder, seed=options.seed) as rig,
    ):
        for fault in chosen:
            drills.append(Drill(rig, fault, min(options.times or fault.times, fault.times)))
            run(drills[-1], seed=options.seed, console=console)
    console.print(table(drills, seed=options.seed, took_s=time.monotonic() - began))
    for drill in drills:
        for word in [*drill.findings.words, *drill.notes]:
            console.print(f"{drill.fault.name}: {word}")
    if options.json:
        options.json.write_text(json.dumps([as_json(drill) for drill in drills], indent=1))
    return int(any(drill.findings.words for drill in drills))


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--only", action="append", choices=[fault.name for fault in FAULTS], metavar="ROW")
    parser.add_argument("--times", type=int, help="Injections of each row; default: the row's own number.")
    parser.add_argument("--json", type=Path, help="Also write the figures there.")
    return parser.parse_args(arguments)


def run(drill: Drill, *, seed: int, console: Console) -> None:
    """Run one row; what breaks the harness itself is a finding of the row, and the others go on."""
    rig, fault = drill.rig, drill.fault
    if fault.volume and fault.volume not in rig.mounts:
        drill.notes.append("left out: small volumes need root")
        return
    began = time.monotonic()
    rig.random.seed(f"{seed} {fault.name}")  # a row alone meets the same chances as in a full run
    try:
        fault.run(drill)
    except BROKEN as exc:
        drill.findings.add(f"the drill broke off: {exc}", lost=1)
        console.print("".join(traceback.format_exception(exc)[-6:]))
        console.print(rig.worker_log(), markup=False, highlight=False)
        rig.points.disarm()
        rig.points.heal()
    rig.query("CHECKPOINT")
    wrong = f"WRONG: {drill.findings.words[0]}" if drill.findings.words else "ok"
    console.print(f"{fault.name}: {drill.injected} in {time.monotonic() - began:.0f} s, {wrong}")


def table(drills: Sequence[Drill], *, seed: int, took_s: float) -> Table:
    """Return the table of a run; times are median / maximum."""
    total = sum(drill.injected for drill in drills)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    title = f"{total} injections in {took_s / 60:.0f} min, seed {seed}, load average at the end {load}"
    found = Table(*COLUMNS, title=title)
    for drill in drills:
        found.add_row(*(str(value) for value in cells(drill)))
    lost = sum(drill.findings.lost for drill in drills)
    doubled = sum(drill.findings.doubled for drill in drills)
    found.add_row("all", "", str(total), str(lost), str(doubled), "", "", "")
    return found


def cells(drill: Drill) -> tuple[object, ...]:
    """Return one row of the table."""
    fault, findings = drill.fault, drill.findings
    times = (spread(drill.moved_s), spread(drill.settled_s))
    return (fault.name, fault.matrix, drill.injected, findings.lost, findings.doubled, *times, fault.what)


def as_json(drill: Drill) -> dict[str, object]:
    """Return the results as JSON."""
    return dict(zip(COLUMNS, cells(drill), strict=True)) | {"words": drill.findings.words, "notes": drill.notes}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
