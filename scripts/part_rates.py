"""Compare writing into partitions with writing into one table: ``python -m scripts.part_rates --rows 60000 --parts 8``.

Starts two stacks, one of which has its domain in partitions from the start, and ingests the same files with both in
turns: first new rows, then as many rows of them with other texts and vectors. Rates need an idle machine; the processor
time of worker and PostgreSQL for a row is valid on a busy one, too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from statistics import median

import click
import psutil

from pc_worker.bench.own_folder import own_folder
from pc_worker.bench.processor import processor
from scripts.scale_rows import Notes, declare
from scripts.scale_run import DAY, DOMAIN, command
from tests.support.stack import LiveStack

SIDES = ("one table", "parts")
STEPS = ("new rows", "changed rows")


def rate(stack: LiveStack, path: Path, rows: int) -> float:
    """Ingest a file and return its rows per second, from its job's own start and end.

    Raises:
        ClickException: If not all rows were written.
    """
    status = stack.run("ingest", str(path), "--domain", DOMAIN, "--wait", "--json", timeout_s=3600).json()
    if status["rows_written"] != rows:
        raise click.ClickException(f"not all rows were written: {status}")
    began, ended = (datetime.fromisoformat(status[name]) for name in ("started_at", "finished_at"))
    return rows / (ended - began).total_seconds()


def start(folder: Path, name: str, ending: ExitStack) -> LiveStack:
    """Start a stack that does no maintenance at a time of its own."""
    quiet = dict.fromkeys(("PC_WORKER_MAINTAIN_INDEXES_S", "PC_WORKER_CHECK_RECALL_S", "PC_WORKER_PURGE_S"), DAY)
    stack = LiveStack(folder / name, {"PC_WORKER_DATA_ROOTS": str(folder), **quiet}, on_disk=True)
    ending.callback(stack.stop)
    stack.start()
    return stack


def settle(stack: LiveStack) -> None:
    """Wait until a stack has done what follows a job: the statistics of its words, and vacuum."""
    while True:
        before = seconds_of(stack)
        time.sleep(1.0)
        if spent(before, seconds_of(stack)) < 0.1:
            return


def seconds_of(stack: LiveStack) -> dict[int, float]:
    """Return the processor time that each process of the worker and of PostgreSQL has taken."""
    found = {}
    for process in (*stack.family("worker"), *stack.family("postgres")):
        with suppress(psutil.Error):  # it has ended
            found[process.pid] = sum(process.cpu_times()[:2])
    return found


def spent(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Return the seconds between two states."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


@click.command()
@click.option("--rows", default=60_000, show_default=True, help="New rows for each, and as many changed ones.")
@click.option("--files", default=4, show_default=True, help="Files that they are divided into.")
@click.option("--parts", default=8, show_default=True, help="Parts of the partitioned domain.")
def main(rows: int, files: int, parts: int) -> None:
    """Measure and report."""
    size, notes = rows // files, Notes()
    rates: dict[str, list[float]] = {}
    costs: dict[str, list[float]] = {}
    with own_folder() as folder, ExitStack() as ending:
        declare(folder)
        stacks = [start(folder, name.replace(" ", "-"), ending) for name in SIDES]
        command(stacks[1], "migrate", "--partition", DOMAIN, "--parts", str(parts))
        for step in STEPS:
            notes.size = 0  # the ids begin again, with other texts and vectors
            for number in range(files):
                notes.write(folder / "rows.parquet", size)
                turns = list(zip(SIDES, stacks, strict=True))
                for side, stack in turns[:: -1 if number % 2 else 1]:
                    before, name = seconds_of(stack), f"{step}, {side}"
                    rates.setdefault(name, []).append(rate(stack, folder / "rows.parquet", size))
                    costs.setdefault(name, []).append(spent(before, seconds_of(stack)) / size * 1e6)
                    settle(stack)
                    click.echo(
                        f"  {name}: {rates[name][-1]:,.0f} rows/s, {costs[name][-1]:,.0f} µs of processor time a row"
                    )
    found = {name: [round(median(rates[name])), round(median(costs[name]))] for name in rates}
    report = {"processor": processor(), "load": psutil.getloadavg()[0], "rows": rows, "parts": parts}
    click.echo(json.dumps(report | {"median rows/s, µs of processor time a row": found}, indent=1))


if __name__ == "__main__":
    main()
