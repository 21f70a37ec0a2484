"""``domains``: what is declared, what the database has, and how the two come together again."""

from __future__ import annotations

import click

from pc_worker.cli.context import connected
from pc_worker.cli.options import JSON
from pc_worker.cli.output import print_json, print_table
from pc_worker.services.declarations import domain_states, redeclare


@click.group("domains")
def domains_command() -> None:
    """Compare domains as declared in the code and as stored in the database."""


@domains_command.command("list")
@JSON
def list_command(as_json: bool) -> None:
    """List all domains: ok, changed (declared otherwise than the log was made), removed, new."""
    found = domain_states(connected().database)
    if as_json:
        print_json([{"domain": state.domain, "state": state.state, "what": state.what} for state in found])
    else:
        print_table(("domain", "state", "what"), [(state.domain, state.state, state.what) for state in found])


@domains_command.command("redeclare")
@click.argument("domain")
def redeclare_command(domain: str) -> None:
    """Let the log of a domain without rows follow its changed declaration."""
    print(f"domain {domain} {redeclare(connected(), domain)}")
