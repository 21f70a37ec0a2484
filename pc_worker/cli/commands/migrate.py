"""``migrate``: bring the schema up to date and open every domain's log."""

from __future__ import annotations

import sys

import click

from pc_worker import wiring
from pc_worker.cli.context import one_shot
from pc_worker.services.declarations import open_domains
from pc_worker.store.db.migrations import migrate, read_migrations


@click.command("migrate")
def migrate_command() -> None:
    """Apply the migrations this database lacks; safe to run again, and by several at once."""
    settings = one_shot()
    wiring.check_servers(settings, broker=False)
    services = wiring.make_services(settings, application="pc_worker migrate")
    applied = migrate(services.database, read_migrations(wiring.MIGRATIONS))
    for state in open_domains(services):
        print(f"warning: {state.sentence}", file=sys.stderr)
    for name in applied:
        print(f"applied {name}")
    if not applied:
        print("nothing to do: the schema is up to date")
