"""Compare writing into partitions with writing into one table: ``python -m scripts.part_rates --rows 60000 --parts 8``.

Starts two stacks, one of which has its domain in partitions from the start, and ingests the same files with both in
turns: first new rows, then as many rows of them with other texts and vectors. Run nothing else meanwhile.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
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
    processes = [process for part in ("worker", "postgres") for process in stack.family(part)]
    while seconds_of(processes, 1.0) > 0.1:
        pass


def seconds_of(processes: Sequence[psutil.Process], within_s: float) -> float:
    """Return the processor time that processes take within some seconds."""

    def total() -> float:
        spent = 0.0
        for process in processes:
            with suppress(psutil.Error):  # it has ended
                spent += sum(process.cpu_times()[:2])
        return spent

    before = total()
    time.sleep(within_s)
    return total() - before


@click.command()
@click.option("--rows", default=60_000, show_default=True, help="New rows for each, and as many changed ones.")
@click.option("--files", default=4, show_default=True, help="Files that they are divided into.")
@click.option("--parts", default=8, show_default=True, help="Parts of the partitioned domain.")
def main(rows: int, files: int, parts: int) -> None:
    """Measure and report."""
    size, notes = rows // files, Notes()
    rates: dict[str, list[float]] = {}
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
                    rates.setdefault(f"{step}, {side}", []).append(rate(stack, folder / "rows.parquet", size))
                    settle(stack)
                    click.echo(f"  {step}, {side}: {rates[f'{step}, {side}'][-1]:,.0f} rows/s")
    found = {name: round(median(each)) for name, each in rates.items()}
    click.echo(json.dumps({"processor": processor(), "rows": rows, "parts": parts, "median rows/s": found}, indent=1))


if __name__ == "__main__":
    main()
