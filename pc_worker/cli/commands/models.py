"""``models``: change a domain's model without downtime."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from uuid import UUID

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from pc_worker.cli.context import connected
from pc_worker.cli.output import print_json, print_table, visible
from pc_worker.model import DEFAULT_CHUNK_ROWS, Model
from pc_worker.services.dependencies import Services
from pc_worker.services.models import change_model
from pc_worker.services.search.indexes import maintain_indexes
from pc_worker.store.models import registry as stored

DOMAIN = click.option("--domain", required=True)
MODEL = click.option("--model", required=True, help="Name or path; an installed model.")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.group("models")
def models_command() -> None:
    """Use several models in a domain: backfill, compare, switch (back), drop."""


@models_command.command("list")
@JSON
def list_command(as_json: bool) -> None:
    """List the registered models and who uses them."""
    with connected().database.transaction() as cursor:
        found = [
            {"model": model.label, "dimension": model.dimension, "domains": domains}
            for model, domains in stored.list_models(cursor)
        ]
    if as_json:
        print_json(found)
    else:
        print_table(("model", "dimension", "domains"), [list(entry.values()) for entry in found])


@models_command.command("backfill")
@DOMAIN
@MODEL
def backfill_command(domain: str, model: str) -> None:
    """Embed a domain's rows with another model in addition to the active one; new files have priority."""
    services = connected()
    registered = _find(services, model)
    before = change_model.coverage(services, domain, registered)
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        line = progress.add_task(escape(visible(f"{domain} → {registered.label}")), total=before.lacking)
        after: UUID | None = change_model.FIRST
        while after is not None:
            began = time.monotonic()
            after = change_model.backfill(services, domain, registered, after=after)
            progress.advance(line, DEFAULT_CHUNK_ROWS if after is not None else 0)
            time.sleep(change_model.rest_s(services.database, worked_s=time.monotonic() - began))
    left = change_model.coverage(services, domain, registered)
    if not left.lacking:
        maintain_indexes(
            services.database
        )  # now: after the switch searches would compare all vectors until the next turn
    embedded = left.rows - left.lacking - left.too_large
    print(visible(f"{embedded} of {left.rows} rows of {domain} have vectors of {registered.label}"))
    if left.too_large:
        print(visible(f"{left.too_large} rows are too large for the wire with them: `dead list` names them"))


@models_command.command("compare")
@DOMAIN
@MODEL
@JSON
def compare_command(domain: str, model: str, as_json: bool) -> None:
    """Show how much another model agrees with the active one on a sample of rows."""
    services = connected()
    found = asdict(change_model.compare(services, domain, _find(services, model)))
    if as_json:
        print_json(found)
    else:
        print_table(("", ""), list(found.items()))


@models_command.command("switch")
@DOMAIN
@MODEL
@click.option(
    "--max-dead",
    type=click.IntRange(min=0),
    default=0,
    help="Most rows that may be too large for the wire with this model's vectors; they are not delivered or found.",
)
def switch_command(domain: str, model: str, max_dead: int) -> None:
    """Make a model active, atomically; every row is delivered again. To roll back, switch back."""
    services = connected()
    registered = _find(services, model)
    rows = change_model.switch(services, domain, registered, max_dead=max_dead)
    print(visible(f"{domain} uses {registered.label}; {rows} rows are delivered anew"))


@models_command.command("drop")
@MODEL
def drop_command(model: str) -> None:
    """Delete the vectors of a model that no domain uses."""
    services = connected()
    registered = _find(services, model)
    print(visible(f"{change_model.drop(services, registered)} vectors of {registered.label} dropped"))


def _find(services: Services, name: str) -> Model:
    """Return a model by the label that `models list` shows, else by name or path on this machine."""
    with services.database.transaction() as cursor:
        known = {model.label: model for model, _ in stored.list_models(cursor)}
    return known.get(name) or change_model.register(services, name)
