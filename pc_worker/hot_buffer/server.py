"""What a component requires of Redis at its start: version, role, and a policy that never evicts messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import redis

from pc_worker.errors import NotServable, ReadOnlyServer, Unavailable
from pc_worker.hot_buffer.rights import check_rights, is_denied

OLDEST = (6, 2)
#: The required maxmemory-policy: all others evict keys.
KEEPS_ALL = "noeviction"
#: Parts of Redis's errors.
NO_DATABASE, WANTS_PASSWORD = "DB index is out of range", "HELLO must be called with the client already authenticated"


def check_redis(client: redis.Redis) -> str:
    """Check everything that the pipeline requires of Redis; return its version.

    Raises:
        Unavailable: If it does not answer; ReadOnlyServer if it is a replica.
        NotServable: If its configuration or version must be changed.
    """
    info = server_info(client)
    check_policy(info)
    version = check_version(info)
    check_rights(client)
    return version


def server_info(client: redis.Redis) -> Mapping[str, Any]:
    """Return the server's ``INFO``; empty if this user may not ask for it.

    Raises:
        Unavailable: If it does not answer, or wants a password.
        NotServable: If it has no database of this number.
    """
    try:
        return dict(client.info())
    except (redis.RedisError, OSError) as exc:
        if is_denied(exc):
            return {}
        if NO_DATABASE in str(exc):
            raise NotServable(f"Redis has no database of the number in PC_WORKER_REDIS_URL: {exc}") from exc
        if WANTS_PASSWORD in str(exc):
            raise Unavailable("Redis wants a password: set PC_WORKER_REDIS_PASSWORD") from exc
        raise Unavailable(f"Redis does not answer: {exc}") from exc


def check_version(info: Mapping[str, Any]) -> str:
    """Check version and role; return the version."""
    version = str(info.get("redis_version", "unknown"))
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers and numbers < OLDEST:
        raise NotServable(f"Redis {version} is too old: 6.2 or newer is needed")
    if info.get("redis_mode") in ("sentinel", "cluster") or info.get("cluster_enabled"):
        raise NotServable("PC_WORKER_REDIS_URL names a Sentinel or a part of a Cluster: name a Redis by itself")
    if info.get("role") == "slave":
        raise ReadOnlyServer("Redis is a replica, which takes no writes: promote it, or name the primary")
    return version


def check_policy(info: Mapping[str, Any]) -> str:
    """Check that no key is evicted when memory is short; return the policy."""
    policy = str(info.get("maxmemory_policy", "unknown"))
    if policy not in (KEEPS_ALL, "unknown"):
        raise NotServable(
            f"Redis has maxmemory-policy {policy}, so it may throw the broker's messages away: set it to {KEEPS_ALL}"
        )
    return policy
