"""Named consumers: list them with their lag and holder, seek or drop one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pc_worker.model.start_point import StartPoint
from pc_worker.services.dependencies import Services
from pc_worker.store.log import subscriptions


def all_subscriptions(
    services: Services, domains: Collection[str] | None = None, *, retention_s: float
) -> list[dict[str, Any]]:
    """Return every subscription, or those of some domains, by domain, name and shard.

    Args:
        services: This process's shared dependencies.
        domains: Names of domains; None = all.
        retention_s: How long an unused subscription is kept, for ``expires_at``; 0 = without limit.
    """
    with services.database.transaction() as cursor:
        return subscriptions.list_subscriptions(cursor, domains=domains, retention_s=retention_s)


def drop_subscription(services: Services, domain: str, name: str) -> None:
    """Remove a subscription: its consumer would start from the beginning.

    Raises:
        NotFound: If the domain has no subscription of this name.
    """
    with services.database.transaction() as cursor:
        subscriptions.drop_subscription(cursor, domain, name)


def reshard_subscription(services: Services, domain: str, name: str, shards: int) -> int:
    """Change the number of shards of a subscription, all after the position of the slowest; return that position.

    Nothing is lost: what the faster ones had acknowledged is sent again.

    Raises:
        NotFound: If the domain has no subscription of this name.
        InvalidRequest: If the number is not within 1 to 128.
        LeaseHeld: If a consumer holds a shard of it.
    """
    with services.database.transaction() as cursor:
        return subscriptions.reshard_subscription(cursor, domain, name, shards)


def seek_subscription(services: Services, domain: str, name: str, target: StartPoint) -> int:
    """Let a subscription continue at a start; return the position after which it continues.

    Raises:
        NotFound: If the domain has no subscription of this name.
        BeyondHead: If the position is after the log's head.
        LeaseHeld: If a consumer holds it.
    """
    with services.database.transaction() as cursor:
        return subscriptions.seek_subscription(cursor, domain, name, target)
