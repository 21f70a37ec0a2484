"""``subscriptions dead``: rows that a consumer could not store, again and again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any
from uuid import UUID

import click

from pc_worker.cli.context import connected
from pc_worker.cli.options import JSON
from pc_worker.cli.output import print_json, print_json_array, print_table, visible
from pc_worker.services.declarations import check_known
from pc_worker.services.nacked_rows import all_nacked, drop_nacked, nacked_document, retry_nacked
from pc_worker.store.log.nacked_rows import NackedFilter

STATE = click.option(
    "--state",
    type=click.Choice(["dead", "waiting", "all"]),
    default="dead",
    show_default=True,
    help="dead: not delivered any more; waiting: to be delivered again.",
)
SELECTION = (
    click.option("--domain", required=True, help="The subscription's domain."),
    click.option("--id", "row_ids", type=click.UUID, multiple=True, help="Only this row; repeat it for several."),
    click.argument("name"),
)
COLUMNS = ("domain", "subscription", "row_id", "position", "state", "deliveries", "reason")


def selected(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that select rows of one subscription to a command."""
    return reduce(lambda wrapped, option: option(wrapped), reversed(SELECTION), command)


@click.group("dead")
def dead_command() -> None:
    """List, show, retry or drop rows that a consumer could not store, each with its reason."""


@dead_command.command("list")
@click.option("--domain", help="Only of subscriptions of this domain.")
@click.option("--subscription", "name", help="Only of subscriptions of this name.")
@STATE
@JSON
def list_rows(domain: str | None, name: str | None, state: str, as_json: bool) -> None:
    """List them."""
    services = connected()
    if domain is not None:
        with services.database.transaction() as cursor:
            check_known(cursor, domain)
    wanted = NackedFilter(domains=None if domain is None else (domain,), name=name)
    found = all_nacked(services, wanted, state=_state(state), with_rows=False)
    if as_json:
        print_json_array(map(nacked_document, found))
        return
    print_table(COLUMNS, [[getattr(row, column) for column in COLUMNS] for row in found])


@dead_command.command("show")
@selected
@STATE
@JSON
def show_rows(domain: str, row_ids: Sequence[UUID], name: str, state: str, as_json: bool) -> None:
    """Show them with their rows as they are stored."""
    wanted = _wanted(domain, name, row_ids)
    documents = map(nacked_document, all_nacked(connected(), wanted, state=_state(state), with_rows=True))
    if as_json:
        print_json_array(documents)
        return
    for document in documents:
        print(visible(f"{document['row_id']}, delivered {document['deliveries']} times: {document['reason']}"))
        print(json.dumps(document["row"], indent=2))


@dead_command.command("retry")
@selected
@JSON
def retry_rows(domain: str, row_ids: Sequence[UUID], name: str, as_json: bool) -> None:
    """Deliver them again: at once if the consumer is connected, else as soon as it is."""
    _report("retried", retry_nacked(connected(), _wanted(domain, name, row_ids)), as_json=as_json)


@dead_command.command("drop")
@selected
@JSON
def drop_rows(domain: str, row_ids: Sequence[UUID], name: str, as_json: bool) -> None:
    """Drop them: the consumer gets these rows only in a newer version."""
    _report("dropped", drop_nacked(connected(), _wanted(domain, name, row_ids)), as_json=as_json)


def _wanted(domain: str, name: str, row_ids: Sequence[UUID]) -> NackedFilter:
    return NackedFilter(domains=(domain,), name=name, row_ids=row_ids or None)


def _state(name: str) -> Any:
    return None if name == "all" else name


def _report(what: str, rows: int, *, as_json: bool) -> None:
    if as_json:
        print_json({what: rows})
    else:
        print(f"{rows} {what}")
