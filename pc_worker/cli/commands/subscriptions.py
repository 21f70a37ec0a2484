"""``subscriptions``: named consumers and how far they have come."""

from __future__ import annotations

import json
from datetime import datetime

import click

from pc_worker.cli.arguments import IsoTime
from pc_worker.cli.commands.subscription_dead import dead_command
from pc_worker.cli.context import connected, one_shot
from pc_worker.cli.options import DOMAIN, JSON
from pc_worker.cli.output import print_json, print_table, visible
from pc_worker.errors import InvalidRequest
from pc_worker.model.shard import MAX_SHARDS
from pc_worker.model.start_point import BEGINNING, StartPoint
from pc_worker.services.subscriptions import (
    all_subscriptions,
    drop_subscription,
    reshard_subscription,
    seek_subscription,
)
from pc_worker.store.log.subscriptions import NAMES
from pc_worker.wiring import make_services


@click.group("subscriptions")
def subscriptions_command() -> None:
    """List, seek, reshard and drop named consumers, and handle their dead letters."""


@subscriptions_command.command("list")
@JSON
def list_command(as_json: bool) -> None:
    """List subscriptions, a line a shard: acknowledged position, current consumer, when they expire if unused."""
    settings = one_shot()
    services = make_services(settings, application="pc_worker cli")
    found = all_subscriptions(services, retention_s=settings.subscription_retention_s)
    if as_json:
        print_json(found)
    else:
        print_table(NAMES, [[_shown(entry[name]) for name in NAMES] for entry in found])


def _shown(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


@subscriptions_command.command("seek")
@DOMAIN
@click.option("--beginning", is_flag=True, help="Deliver every row again.")
@click.option("--now", is_flag=True, help="Deliver only what is committed from now on.")
@click.option("--position", type=click.IntRange(min=0), help="Continue after this position of the log.")
@click.option("--time", type=IsoTime(), help="Continue with what was committed at or after this time (ISO 8601; UTC).")
@click.argument("name")
def seek_command(
    domain: str, name: str, *, beginning: bool, now: bool, position: int | None, time: datetime | None
) -> None:
    """Set where a subscription continues; its consumer must be stopped, and leave the position to the gateway."""
    asked: list[StartPoint | None] = [BEGINNING if beginning else None, "now" if now else None, position, time]
    targets = [target for target in asked if target is not None]
    if len(targets) != 1:
        raise InvalidRequest("give exactly one of --beginning, --now, --position and --time")
    found = seek_subscription(connected(), domain, name, targets[0])
    print(visible(f"{domain}/{name} continues after position {found}"))


subscriptions_command.add_command(dead_command)


@subscriptions_command.command("reshard")
@DOMAIN
@click.option("--shards", type=click.IntRange(1, MAX_SHARDS), required=True, help="Consumers that share its rows.")
@click.argument("name")
def reshard_command(domain: str, name: str, shards: int) -> None:
    """Set the number of shards; all continue after the position of the slowest. Its consumers must be stopped."""
    found = reshard_subscription(connected(), domain, name, shards)
    print(visible(f"{domain}/{name} has {shards} shards, which continue after position {found}"))


@subscriptions_command.command("drop")
@DOMAIN
@click.argument("name")
def drop_command(domain: str, name: str) -> None:
    """Remove a subscription: its consumer would start from the beginning."""
    drop_subscription(connected(), domain, name)
    print(visible(f"{domain}/{name} dropped"))
