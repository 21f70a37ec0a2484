"""``forget``: remove rows with everything that is kept of them."""

from __future__ import annotations

import click

from pc_worker.cli.context import connected
from pc_worker.cli.options import DOMAIN
from pc_worker.services.forget import forget_all, forget_ids, forget_source
from pc_worker.services.stored_rows import read_row_id


@click.command("forget")
@DOMAIN
@click.option("--id", "ids", metavar="UUID", multiple=True, help="A row; repeated: several.")
@click.option("--source", help="All rows of this source, with its dead letters.")
@click.option("--all", "everything", is_flag=True, help="All rows of the domain, with its dead letters.")
@click.option("--missing-from", metavar="JOB", help="Of the source, only rows that this newer job did not find in it.")
def forget_command(
    domain: str, ids: tuple[str, ...], source: str | None, everything: bool, missing_from: str | None
) -> None:
    """Remove rows with their vectors, terms and dead letters; consumers get tombstones."""
    if [bool(ids), bool(source), everything].count(True) != 1:
        raise click.UsageError("give rows with --id, or a source with --source, or --all: one of the three")
    if missing_from and not source:
        raise click.UsageError("--missing-from JOB needs --source")
    rows = [read_row_id(text) for text in ids]
    database = connected().database
    if everything:
        gone = forget_all(database, domain)
    elif source:
        gone = forget_source(database, domain, source, missing_from=missing_from)
    else:
        gone = forget_ids(database, domain, rows)
    print(f"{gone.rows} rows and {gone.dead_letters} dead letters forgotten")
