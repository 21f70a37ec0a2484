"""``plan``: what an ingest would do and take, before anything is written."""

from __future__ import annotations

import os

import click

from pc_worker.cli.arguments import FILE
from pc_worker.cli.context import one_shot
from pc_worker.cli.options import JSON
from pc_worker.cli.output import duration, print_json, print_table, size
from pc_worker.cli.source_options import SourceOptions, source_options
from pc_worker.services.estimate.estimate import Estimate, estimate_ingest
from pc_worker.wiring import make_services


@click.command("plan")
@click.argument("file", type=FILE)
@click.option("--domain", required=True, help="Which kind of record the file holds; `domains list` shows all.")
@source_options
@click.option("--processes", type=click.IntRange(min=1), help="Worker processes; default: those of one worker here.")
@JSON
def plan_command(file: str, domain: str, options: SourceOptions, processes: int | None, as_json: bool) -> None:
    """Estimate the ingest of FILE: rows, texts, tokens, time, memory, disk; nothing is written."""
    settings = one_shot()
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, str(settings.threads))  # as in workers, so that the measured rate is theirs
    services = make_services(settings, application="pc_worker cli")
    request = options.request(file, domain=domain)
    found = estimate_ingest(services, request, processes=processes or settings.worker_processes)
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found)


def _show(found: Estimate) -> None:
    about = "" if found.sampled_rows == found.rows else "about "
    basis = "pace of past jobs" if found.basis == "measured" else "a quick calibration: no job of the domain was timed"
    rows = [
        ("file", found.file),
        ("rows", f"{found.rows:,} ({found.sampled_rows:,} of them looked at)"),
        ("written", f"{about}{found.rows_written:,}"),
        ("unchanged", f"{about}{found.rows_unchanged:,}"),
        ("skipped", f"{about}{found.rows_skipped:,}, {found.duplicates:,} of them duplicates"),
        ("dead", f"{about}{found.rows_dead:,}"),
        ("texts", f"{about}{found.texts:,}, {found.texts_known:,} of them embedded before"),
        ("tokens", f"{about}{found.tokens:,}"),
        *([] if found.cost_usd is None else [("cost", f"at most about {found.cost_usd:,.4f} USD")]),
        *((f"  up to {end or 'more'}", f"{count:,} rows") for end, count in found.token_histogram),
        ("time", f"about {duration(found.seconds)} with {found.processes} processes ({basis})"),
        ("memory", f"about {size(found.memory_bytes)} for all of them"),
        ("disk", f"about {size(found.disk_bytes)}, and {size(found.index_bytes)} for the vector index"),
    ]
    print_table(("", ""), rows)
