"""``models``: download models, and change a domain's model without downtime."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from uuid import UUID

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from pc_worker.cli.context import connected, one_shot
from pc_worker.cli.options import DOMAIN, JSON
from pc_worker.cli.output import print_json, print_table, visible
from pc_worker.model import DEFAULT_CHUNK_ROWS, Model
from pc_worker.services.dependencies import Services
from pc_worker.services.models import change_model
from pc_worker.services.search.index.indexes import maintain_indexes
from pc_worker.settings import read_settings
from pc_worker.store.models import registry as stored

MODEL = click.option("--model", required=True, help="Name or path; a model on this machine.")


@click.group("models")
def models_command() -> None:
    """Download models; use several in a domain: pull, backfill, compare, switch (back), drop."""


@models_command.command("pull")
@click.argument("name")
@click.option("--revision", metavar="R", help="A branch, a tag or a commit; the newest by default.")
def pull_command(name: str, revision: str | None) -> None:
    """Download a sentence-transformers model: safetensors and configuration, checked, and no code."""
    from pc_worker.encoding.models.pulling import pull_model

    cache = one_shot().models
    progress = Progress(
        TextColumn("{task.description}"),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    with progress:
        line = progress.add_task(escape(visible(name)), total=None)
        pulled = pull_model(name, cache=cache, revision=revision, advance=lambda n: progress.advance(line, n))
    print(visible(f"{pulled.name} at {pulled.commit} is in {pulled.path} ({pulled.size / 1e6:.1f} MB)"))


@models_command.command("list")
@JSON
def list_command(as_json: bool) -> None:
    """List the registered models and who uses them, and the pulled models."""
    services = connected()
    with services.database.transaction() as cursor:
        found = [
            {"model": model.label, "dimension": model.dimension, "domains": domains}
            for model, domains in stored.list_models(cursor)
        ]
    found += [entry for entry in pulled_here(services) if entry["model"] not in {known["model"] for known in found}]
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
    embedded = left.rows - left.lacking - left.too_large - left.refused
    print(visible(f"{embedded} of {left.rows} rows of {domain} have vectors of {registered.label}"))
    if left.too_large:
        print(visible(f"{left.too_large} rows are too large for the wire with them: `dead list` names them"))
    if left.refused:
        print(visible(f"{left.refused} rows are refused by the model: `dead list` says why"))


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
    help="Most rows that may be too large for the wire with this model's vectors, or refused by it; they are not "
    "delivered or found.",
)
def switch_command(domain: str, model: str, max_dead: int) -> None:
    """Make a model active, atomically; every row is delivered again. To roll back, switch back."""
    services = connected()
    registered = _find(services, model)
    rows = change_model.switch(services, domain, registered, max_dead=max_dead)
    print(visible(f"{domain} uses {registered.label}; {rows} rows are delivered again"))


@models_command.command("drop")
@MODEL
def drop_command(model: str) -> None:
    """Delete the vectors of a model that no domain uses."""
    services = connected()
    registered = _find(services, model)
    print(visible(f"{change_model.drop(services, registered)} vectors of {registered.label} dropped"))


def pulled_here(services: Services) -> Iterator[dict[str, object]]:
    """Yield the models that were pulled, as `models list` shows them."""
    from pc_worker.encoding.models.pulled import pulled_models

    for pulled in pulled_models(read_settings().models):
        identity = services.identify(pulled.name)
        yield {"model": f"{identity.name}@{identity.revision}", "dimension": identity.dimension, "domains": []}


def _find(services: Services, name: str) -> Model:
    """Return a model by the label that `models list` shows, else by name or path on this machine."""
    with services.database.transaction() as cursor:
        known = {model.label: model for model, _ in stored.list_models(cursor)}
    return known.get(name) or change_model.register(services, name)
