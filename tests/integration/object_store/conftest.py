"""A store that speaks S3, a proxy before it, and the environment by which they are found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pc_worker.object_store import client
from tests.support.object_store import ObjectStore, Proxy, proxy_before, running_store


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with running_store("data", "other") as running:
        yield running


@pytest.fixture
def proxy(store: ObjectStore) -> Iterator[Proxy]:
    with proxy_before(store) as running:
        yield running


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, str]], None]]:
    """Return a function that sets the environment by which stores are found."""
    client.store_of.cache_clear()

    def set_variables(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    yield set_variables
    client.store_of.cache_clear()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make clients try a request once more only."""
    monkeypatch.setattr(client, "ATTEMPTS", 1)
