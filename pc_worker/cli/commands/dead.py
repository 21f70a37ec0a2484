"""``dead``: list, show, retry or drop rows that were refused, by us, for a model, or by a batch server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import click

from pc_worker.cli.context import connected
from pc_worker.cli.output import print_json, print_json_array, print_table, visible
from pc_worker.reader import Json
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.prepare import WIRE_LIMIT
from pc_worker.services.jobs import dead_letters
from pc_worker.services.models import change_model
from pc_worker.services.push import rejections
from pc_worker.settings import read_settings
from pc_worker.store.ledger.dead_letters import StoredLetter
from pc_worker.store.log.push_state import StoredPushRejection
from pc_worker.store.models.oversize import StoredTooLarge

JOB = click.option("--job", help="Only the letters of this job.")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.group("dead")
def dead_command() -> None:
    """List, show, retry or drop dead rows, each with its reason."""


@dead_command.command("list")
@JOB
@JSON
def list_letters(job: str | None, as_json: bool) -> None:
    """List them."""
    services = connected()
    if as_json:
        print_json_array(_documents(services, job))
        return
    letters, refused = dead_letters.list_dead(services, job), rejections.list_rejected(services.database, job)
    rows: list[tuple[object, ...]] = [(x.job_id, x.row_no, x.domain, x.reason) for x in letters]
    rows += [(x.job_id, None, x.domain, _refused_because(x)) for x in refused]
    rows += [(x.job_id, None, x.domain, _too_large_because(x)) for x in change_model.too_large_rows(services, job)]
    print_table(("job", "row", "domain", "reason"), rows)


@dead_command.command("show")
@JOB
@JSON
def show_letters(job: str | None, as_json: bool) -> None:
    """Show them with their rows."""
    documents = _documents(connected(), job)
    if as_json:
        print_json_array(documents)
        return
    for document in documents:
        print(visible(f"{_place(document)}: {document['reason']}"))
        print(json.dumps(document["row"], indent=2))


@dead_command.command("retry")
@JOB
@JSON
def retry_letters(job: str | None, as_json: bool) -> int:
    """Try them again: from their unchanged source, else from their stored form; or at the batch server."""
    services = connected()
    outcomes: set[str] = set()

    def results() -> Iterator[dict[str, Any]]:
        for result in _retried(services, job):
            outcomes.add(result["outcome"])
            yield result

    if as_json:
        print_json_array(results())
    else:
        for result in results():
            print(visible(_told(result)))
    return 1 if "dead" in outcomes else 0


@dead_command.command("drop")
@JOB
@JSON
def drop_letters(job: str | None, as_json: bool) -> None:
    """Return them up: their rows count as skipped; what only a batch server refused stays stored here."""
    services = connected()
    dropped = dead_letters.drop_dead(services, job) + rejections.drop_rejected(services.database, job)
    if as_json:
        print_json({"dropped": dropped})
    else:
        print(f"{dropped} dropped")


def _documents(services: Services, job: str | None) -> Iterator[dict[str, Any]]:
    letters = dead_letters.list_dead(services, job)
    yield from map(_document, letters, dead_letters.letter_rows(services, letters))
    yield from map(_refusal_document, rejections.list_rejected(services.database, job))
    yield from map(_too_large_document, change_model.too_large_rows(services, job))


def _retried(services: Services, job: str | None) -> Iterator[dict[str, Any]]:
    yield from map(asdict, dead_letters.retry_dead(services, job))
    yield from map(_pushed_document, _push_again(services, job))


def _place(document: Mapping[str, Any]) -> str:
    row = "" if document["row_no"] is None else f" row {document['row_no']}"
    return f"{document['job_id']}{row}"


def _told(result: Mapping[str, Any]) -> str:
    source = " (from its stored form: the source has changed)" if result["from_stored_form"] else ""
    reason = f": {result['reason']}" if result["reason"] else ""
    return f"{_place(result)} {result['outcome']}{reason}{source}"


def _refused_because(refusal: StoredPushRejection) -> str:
    return f"batch server {refusal.address}: {refusal.reason}"


def _push_again(services: Services, job: str | None) -> list[rejections.PushedAgain]:
    return rejections.retry_rejected(services.database, job, servers=read_settings().batch_servers)


def _document(letter: StoredLetter, row: Json) -> dict[str, Any]:
    return {
        "job_id": letter.job_id,
        "row_no": letter.row_no,
        "domain": letter.domain,
        "reason": letter.reason,
        "row": row,
        "created_at": letter.created_at.isoformat(),
    }


def _refusal_document(refusal: StoredPushRejection) -> dict[str, Any]:
    """Return a row that a batch server did not accept; it is stored here, so its number in the source is not kept."""
    return {
        "job_id": refusal.job_id,
        "row_no": None,
        "domain": refusal.domain,
        "reason": _refused_because(refusal),
        "row": json.loads(refusal.payload),
        "created_at": refusal.refused_at.isoformat(),
    }


def _too_large_because(note: StoredTooLarge) -> str:
    return (
        f"model {note.model}: row {note.row_id} is {note.wire_bytes:,} bytes on the wire with its vectors: "
        f"{WIRE_LIMIT:,} is the most"
    )


def _too_large_document(note: StoredTooLarge) -> dict[str, Any]:
    """Return a row that a model's vectors make too large; it is stored, so its number in the source is not kept."""
    return {
        "job_id": note.job_id,
        "row_no": None,
        "domain": note.domain,
        "reason": _too_large_because(note),
        "row": json.loads(note.payload),
        "created_at": note.refused_at.isoformat(),
    }


def _pushed_document(again: rejections.PushedAgain) -> dict[str, Any]:
    return {
        "job_id": again.rejection.job_id,
        "row_no": None,
        "outcome": "written" if again.reason is None else "dead",
        "reason": None if again.reason is None else f"batch server {again.rejection.address}: {again.reason}",
        "from_stored_form": False,
    }
