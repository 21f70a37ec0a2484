"""Ends servers that a killed owner left running on a home's data, before new ones start there."""

from __future__ import annotations

import signal
import time
from collections.abc import Collection
from pathlib import Path

from pc_worker.embedded.process_identity import parent_of, signal_all, working_in

#: PostgreSQL writes its last checkpoint in this time; a killed one recovers at its next start.
GRACE_S = 10.0
POLL_S = 0.02


def end_leftovers(folder: Path, programs: Collection[str], stop_signal: signal.Signals) -> None:
    """Stop every process named in ``programs`` that works in ``folder``; kill what outlives the grace time.

    Only the holder of the home's lock may call this: no other server can then be working there.
    """
    found = working_in(folder, programs)
    # A server ends its own children; those whose server is gone get the signal themselves.
    signal_all([pid for pid in found if parent_of(pid) not in found], stop_signal)
    signal_all(_outliving(folder, programs), signal.SIGKILL)
    _outliving(folder, programs)


def _outliving(folder: Path, programs: Collection[str]) -> list[int]:
    deadline = time.monotonic() + GRACE_S
    while (found := working_in(folder, programs)) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return found
