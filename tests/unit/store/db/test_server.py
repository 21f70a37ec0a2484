"""Servers are accepted or rejected by the version and settings that they report."""

from __future__ import annotations

import pytest

from pc_worker.errors import NotServable, ReadOnlyServer
from pc_worker.hot_buffer import check_policy, check_version
from pc_worker.store.db.server import usable_vector
from pc_worker.store.db.session import DatabaseState


def state(**changes: object) -> DatabaseState:
    suitable: dict[str, object] = {
        "version_number": 180_004,
        "version": "18.4",
        "encoding": "UTF8",
        "standby": False,
        "read_only": False,
        "has_schema": True,
        "backend_pid": 1,
    }
    return DatabaseState(**(suitable | changes))  # type: ignore[arg-type]


def test_a_suitable_server_is_accepted() -> None:
    state().check()
    assert usable_vector("0.8.5", None, found=True) == "0.8.5"
    assert usable_vector("0.10.0", "0.8.4", found=True) == "0.8.4"
    assert check_version({"redis_version": "6.2.0", "role": "master", "redis_mode": "standalone"}) == "6.2.0"
    assert check_policy({"maxmemory_policy": "noeviction"}) == "noeviction"
    assert check_version({}) == check_policy({}) == "unknown", "some providers do not allow the query"


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"version_number": 140_012, "version": "14.12"}, NotServable, "14.12 is too old"),
        ({"encoding": "EUC_JP"}, NotServable, "EUC_JP"),
        ({"has_schema": False}, NotServable, "search_path"),
        ({"standby": True, "read_only": True}, ReadOnlyServer, "standby"),
        ({"read_only": True}, ReadOnlyServer, "default_transaction_read_only"),
    ],
)
def test_an_unsuitable_postgresql_is_rejected(changes: dict[str, object], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        state(**changes).check()


@pytest.mark.parametrize(
    ("offered", "installed", "found", "words"),
    [
        (None, None, True, "has no pgvector"),
        ("0.8.3", None, True, "0.8.3.*install"),
        ("0.7", "0.7", True, "0.7.*install"),
        ("0.8.5", "0.8.0", True, "ALTER EXTENSION"),
        ("0.8.5", "0.8.5", False, "search_path"),
    ],
)
def test_an_unsuitable_pgvector_is_rejected(
    offered: str | None, installed: str | None, found: bool, words: str
) -> None:
    with pytest.raises(NotServable, match=words):
        usable_vector(offered, installed, found=found)


@pytest.mark.parametrize(
    ("info", "kind", "words"),
    [
        ({"redis_version": "6.0.16"}, NotServable, "too old"),
        ({"redis_version": "7.0.0", "redis_mode": "sentinel"}, NotServable, "Sentinel"),
        ({"redis_version": "7.0.0", "cluster_enabled": 1}, NotServable, "Cluster"),
        ({"redis_version": "7.0.0", "role": "slave"}, ReadOnlyServer, "replica"),
    ],
)
def test_an_unsuitable_redis_is_rejected(info: dict[str, object], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        check_version(info)


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-ttl"])
def test_a_redis_that_evicts_keys_is_rejected(policy: str) -> None:
    with pytest.raises(NotServable, match=policy):
        check_policy({"maxmemory_policy": policy})
