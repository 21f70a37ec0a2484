"""Fixtures of all tests; the environment is scrubbed of our settings first."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.homes import remove_places_below, remove_stopped_databases
from tests.support.stack import LiveStack

# A background job of a shell ignores SIGINT, and so would every process that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The tests start hundreds of processes: none of them compiles our modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The duration of an example depends on the machine; no test checks it. The examples are the same in every run, so that
# a red run can be repeated; `./test tests/property --hypothesis-profile=explore` looks for new ones.
settings.register_profile("ours", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1_000)
settings.load_profile("ours")

#: What died is noticed in seconds.
QUICK_RECOVERY = {"PC_WORKER_RECONCILE_S": "1", "PC_WORKER_LEASE_S": "20", "PC_WORKER_SHORT_LEASE": "1"}


@pytest.hookimpl(optionalhook=True)  # the hook is pytest-xdist's
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Return our own scheduling by files."""
    from tests.support.scheduling import SharingScheduling  # only in the process that distributes the tests

    return SharingScheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of garbage collections: thousands of tests never become garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_ours() -> None:
    for name in [name for name in os.environ if name.startswith("PC_WORKER_")]:
        del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def _nothing_is_left_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield
    remove_places_below(tmp_path_factory.getbasetemp())


@pytest.fixture(autouse=True, scope="module")
def _stopped_databases_leave_memory() -> Iterator[None]:
    yield
    remove_stopped_databases()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """Yield one real stack for all tests that leave it unchanged; each uses its own sources."""
    live = LiveStack(tmp_path_factory.mktemp("stack"), {"PC_WORKER_DATA_ROOTS": str(tmp_path_factory.getbasetemp())})
    live.start()
    yield live
    assert live.stop() == 0


@pytest.fixture(scope="module")
def hurt_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """Yield one real stack for tests that kill, suspend or empty a component: it recovers before the next test.

    It looks for work every second, so it ends with its module, and few modules use it. Each test uses rows of its own
    (``first`` of ``write_recruit``) and asks for its own jobs only. Chunks are small: few rows are many chunks.
    """
    folder = tmp_path_factory.mktemp("hurt")
    (folder / "inbox" / "recruit").mkdir(parents=True)
    live = LiveStack(
        folder / "home",
        QUICK_RECOVERY
        | {
            "PC_WORKER_DATA_ROOTS": str(tmp_path_factory.getbasetemp()),
            "PC_WORKER_CHUNK_SIZE": "50",
            "PC_WORKER_INBOX": str(folder / "inbox"),
            "PC_WORKER_SCAN_INBOX_S": "1",
        },
        "worker,beat,gateway",
    )
    live.start()
    yield live
    live.stop()


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[LiveStack]:
    """Yield a stack for one test, for faults that other tests cannot share."""
    settings = QUICK_RECOVERY | {"PC_WORKER_DATA_ROOTS": str(tmp_path)}
    live = LiveStack(tmp_path / "home", settings, "worker,beat,gateway")
    live.start()
    yield live
    live.stop()
