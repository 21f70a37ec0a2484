"""``health``: ask the gateway whether it serves."""

from __future__ import annotations

import click

from pc_worker.cli.context import one_shot
from pc_worker.cli.serving import gateway_serves
from pc_worker.embedded import read_addresses
from pc_worker.errors import Unavailable


@click.command("health")
def health_command() -> None:
    """Ask the gateway whether it serves; exits with 0 if it does, with 69 if not."""
    settings = one_shot()
    running = read_addresses(settings.home)
    address = (running.gateway if running else settings.gateway_address).split(",")[0]
    if not gateway_serves(address, settings):
        advice = "" if running else f", and nothing runs under {settings.home}: start it with `up`"
        raise Unavailable(f"the gateway at {address} does not serve{advice}")
    print("serving")
