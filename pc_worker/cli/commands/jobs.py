"""``jobs``, ``status``, ``cancel``, ``resume``: see and steer the ledger."""

from __future__ import annotations

import click

from pc_worker.cli.context import connected
from pc_worker.cli.options import JSON
from pc_worker.cli.output import duration, print_json, print_table
from pc_worker.model import Job
from pc_worker.services.jobs import job_control
from pc_worker.services.jobs.job_control import status_document
from pc_worker.services.jobs.progress import job_progress


@click.command("jobs")
@JSON
def jobs_command(as_json: bool) -> None:
    """List the jobs, newest first."""
    found = [status_document(job) for job in job_control.all_jobs(connected())]
    if as_json:
        print_json(found)
        return
    names = ("job_id", "domain", "state", "rows_total", "rows_written", "rows_dead", "started_at", "source")
    heads = ("job", "domain", "state", "rows", "written", "dead", "started (UTC)", "source")
    shown = [document | {"started_at": _to_the_second(document["started_at"])} for document in found]
    print_table(heads, [[document[name] for name in names] for document in shown])


def _to_the_second(time: str | None) -> str:
    return (time or "")[:19].replace("T", " ")


@click.command("status")
@click.argument("job")
@JSON
def status_command(job: str, as_json: bool) -> None:
    """Show one job: the outcome of its rows, its seconds by stage, its expected end.

    The end is estimated from its present rate.
    """
    found, progress = job_progress(connected(), job)
    if as_json:
        print_json(status_document(found) | progress.to_dict())
        return
    stages = progress.stages
    shown = {
        "seconds by stage": f"read {stages.read:.1f}, clean {stages.clean:.1f}, "
        f"embed {stages.embed:.1f}, write {stages.write:.1f} (all workers)",
        "rows/s": None if progress.rows_per_s is None else f"{progress.rows_per_s:,.0f}",
        "tokens": f"{progress.tokens_encoded:,}",
        "cost": None if progress.cost_usd is None else f"{progress.cost_usd:,.6f} USD",
        "left": None if progress.eta_s is None else f"about {duration(progress.eta_s)} at the newest chunks' pace",
    }
    print_table(("", ""), list((status_document(found) | shown).items()))


@click.command("cancel")
@click.argument("job")
@JSON
def cancel_command(job: str, as_json: bool) -> None:
    """Cancel a job: what is stored stays, nothing more is written."""
    show_job(job_control.cancel(connected(), job), as_json=as_json)


@click.command("resume")
@click.argument("job")
@JSON
def resume_command(job: str, as_json: bool) -> None:
    """Continue a failed or cancelled job where it stopped."""
    from tasks.send import send_job

    parts = connected()
    resumed = job_control.resume(parts, job)
    send_job(parts, resumed)
    show_job(job_control.job_status(parts, job), as_json=as_json)


def show_job(job: Job, *, as_json: bool) -> None:
    """Print a job's status."""
    document = status_document(job)
    if as_json:
        print_json(document)
    else:
        print_table(("", ""), list(document.items()))
