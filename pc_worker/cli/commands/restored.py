"""``restored``: what a database needs that was restored to an older state."""

from __future__ import annotations

import click

from pc_worker.cli.context import connected
from pc_worker.services.maintenance.restored import begin_epochs


@click.command("restored")
@click.option("--domain", help="Only this domain; all of them if it is not given.")
@click.option(
    "--beyond",
    type=click.IntRange(min=0),
    metavar="POSITION",
    help="The last position that any consumer may have; if it is not given, one that none can have reached.",
)
def restored_command(domain: str | None, beyond: int | None) -> None:
    """Begin new epochs after the database was restored to an older state.

    Every row is delivered again.
    """
    for epoch in begin_epochs(connected(), domain, beyond=beyond):
        print(
            f"{epoch.domain}: {epoch.rows} rows are delivered again, beyond position {epoch.base}; "
            f"the restored log ended at {epoch.former_head}"
        )
