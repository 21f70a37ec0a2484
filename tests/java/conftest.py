"""The built Java client, made once a session; without a JDK and Debian's packages these tests are skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.java.fake_gateway import FakeGateway
from tests.support.java import Java, build, missing_packages

DRIVERS = sorted((Path(__file__).parent / "driver").glob("*.java"))


@pytest.fixture(scope="session")
def java(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Java]:
    """Yield the built modules and the tests' drivers."""
    reason = missing_packages()
    if reason is not None:
        pytest.skip(f"THE JAVA CLIENT IS NOT TESTED HERE: {reason}")
    base = tmp_path_factory.getbasetemp()
    # Test processes that run side by side share one build.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "java-build"
    with FileLock(f"{folder}.lock"):
        built = build(folder, *DRIVERS)
    yield built
    built.driver.close()


@pytest.fixture
def fake() -> Iterator[FakeGateway]:
    """Yield a gateway that a test controls."""
    gateway = FakeGateway()
    gateway.start()
    yield gateway
    gateway.stop()
