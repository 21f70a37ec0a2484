"""``dead``: list, show, retry or drop refused rows."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from pc_worker.cli.context import connected
from pc_worker.cli.output import print_json, print_table
from pc_worker.services import dead_letters
from pc_worker.store.dead_letters import StoredLetter

JOB = click.option("--job", help="Only the letters of this job.")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.group("dead")
def dead_command() -> None:
    """Refused rows, each with its reason."""


@dead_command.command("list")
@JOB
@JSON
def list_letters(job: str | None, as_json: bool) -> None:
    """List them."""
    letters = dead_letters.list_dead(connected(), job)
    if as_json:
        print_json([_document(letter) for letter in letters])
    else:
        print_table(("job", "row", "domain", "reason"), [(x.job_id, x.row_no, x.domain, x.reason) for x in letters])


@dead_command.command("show")
@JOB
@JSON
def show_letters(job: str | None, as_json: bool) -> None:
    """Show them with their rows."""
    documents = [_document(letter) for letter in dead_letters.list_dead(connected(), job)]
    if as_json:
        print_json(documents)
        return
    for document in documents:
        print(f"{document['job_id']} row {document['row_no']}: {document['reason']}")
        print(json.dumps(document["row"], indent=2))


@dead_command.command("retry")
@JOB
@JSON
def retry_letters(job: str | None, as_json: bool) -> int:
    """Try them again: from their unchanged source, else from their stored form."""
    results = dead_letters.retry_dead(connected(), job)
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        for result in results:
            source = " (from its stored form: the source has changed)" if result.from_stored_form else ""
            reason = f": {result.reason}" if result.reason else ""
            print(f"{result.job_id} row {result.row_no} {result.outcome}{reason}{source}")
    return 0 if all(result.outcome != "dead" for result in results) else 1


@dead_command.command("drop")
@JOB
@JSON
def drop_letters(job: str | None, as_json: bool) -> None:
    """Give them up: their rows count as skipped."""
    dropped = dead_letters.drop_dead(connected(), job)
    if as_json:
        print_json({"dropped": dropped})
    else:
        print(f"{dropped} dropped")


def _document(letter: StoredLetter) -> dict[str, Any]:
    return {
        "job_id": letter.job_id,
        "row_no": letter.row_no,
        "domain": letter.domain,
        "reason": letter.reason,
        "row": None if letter.normal_form is None else json.loads(letter.normal_form),
        "created_at": letter.created_at.isoformat(),
    }
