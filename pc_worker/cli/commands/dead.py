"""``dead``: list, show, retry or drop rows that were refused, by us, for a model, or by a batch server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import reduce
from typing import Any

import click

from pc_worker.cli.context import connected
from pc_worker.cli.options import JSON
from pc_worker.cli.output import print_json, print_json_array, print_table, visible
from pc_worker.services.dead_letters.dead_list import (
    LetterSelection,
    all_dead,
    dead_document,
    drop_matching,
    retry_matching,
    selected,
)
from pc_worker.services.dependencies import Services
from pc_worker.settings import read_settings
from pc_worker.store.ledger.letter_filter import LetterFilter

FILTERS = (
    click.option("--job", help="Only the letters of this job."),
    click.option("--domain", help="Only the letters of this domain."),
    click.option("--reason", default="", metavar="TEXT", help="Only those whose reason contains this text."),
)


def filtered(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the filter to a command."""
    return reduce(lambda wrapped, option: option(wrapped), reversed(FILTERS), command)


@click.group("dead")
def dead_command() -> None:
    """List, show, retry or drop dead rows, each with its reason."""


@dead_command.command("list")
@filtered
@JSON
def list_letters(job: str | None, domain: str | None, reason: str, as_json: bool) -> None:
    """List them."""
    services, wanted = _opened(job, domain, reason)
    if as_json:
        print_json_array(map(dead_document, all_dead(services, wanted)))
        return
    rows = [(x.job_id, x.row_no, x.domain, x.reason) for x in all_dead(services, wanted)]
    print_table(("job", "row", "domain", "reason"), rows)


@dead_command.command("show")
@filtered
@JSON
def show_letters(job: str | None, domain: str | None, reason: str, as_json: bool) -> None:
    """Show them with their rows."""
    services, wanted = _opened(job, domain, reason)
    documents = map(dead_document, all_dead(services, wanted))
    if as_json:
        print_json_array(documents)
        return
    for document in documents:
        print(visible(f"{_place(document)}: {document['reason']}"))
        print(json.dumps(document["row"], indent=2))


@dead_command.command("retry")
@filtered
@JSON
def retry_letters(job: str | None, domain: str | None, reason: str, as_json: bool) -> int:
    """Try them again: from their unchanged source, else from their stored form; or at the batch server."""
    services, wanted = _opened(job, domain, reason)
    outcomes: set[str] = set()

    def results() -> Iterator[dict[str, Any]]:
        for result in retry_matching(services, wanted, servers=read_settings().batch_servers):
            outcomes.add(result.outcome)
            yield asdict(result)

    if as_json:
        print_json_array(results())
    else:
        for result in results():
            print(visible(_told(result)))
    return 1 if "dead" in outcomes else 0


@dead_command.command("drop")
@filtered
@JSON
def drop_letters(job: str | None, domain: str | None, reason: str, as_json: bool) -> None:
    """Drop them: their rows count as skipped; what only a batch server refused stays stored here."""
    dropped = sum(drop_matching(*_opened(job, domain, reason)))
    if as_json:
        print_json({"dropped": dropped})
    else:
        print(f"{dropped} dropped")


def _opened(job: str | None, domain: str | None, reason: str) -> tuple[Services, LetterFilter]:
    asked = LetterSelection(job=job, domain=domain, reason=reason)
    services = connected()
    return services, selected(services, asked)


def _place(document: Mapping[str, Any]) -> str:
    row = "" if document["row_no"] is None else f" row {document['row_no']}"
    return f"{document['job_id']}{row}"


def _told(result: Mapping[str, Any]) -> str:
    source = " (from its stored form: the source is missing or has changed)" if result["from_stored_form"] else ""
    reason = f": {result['reason']}" if result["reason"] else ""
    return f"{_place(result)} {result['outcome']}{reason}{source}"
