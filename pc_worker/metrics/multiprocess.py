"""Prometheus metrics of several processes: files named by slot, not by process id, so that their number is bounded.

The library names a process's files after its id and keeps them when it ends, because its counts remain. Pool processes
are replaced often; a new one therefore takes the slot of one that has ended, and continues its counts.
"""

from __future__ import annotations

import fcntl
import itertools
import os
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram, values

__all__ = ["FOLDER_VARIABLE", "Counter", "Gauge", "Histogram", "take_slot"]

#: Where processes write their metrics; set by the process that serves them.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def take_slot(folder: Path) -> str:
    """Take the first slot that no living process has, until this process ends; its gauges start from zero."""
    for slot in itertools.count():
        lock = os.open(folder / f"place-{slot}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # flock(2) and not filelock: held until this process ends, with no object that could release it earlier.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        for stale in folder.glob(f"gauge_*_{slot}.db"):
            if not stale.name.startswith("gauge_mostrecent"):
                stale.unlink(missing_ok=True)
        return str(slot)
    raise AssertionError("unreachable")


def _name_files_by_slot() -> None:
    folder = Path(os.environ.get(FOLDER_VARIABLE, ""))
    if not folder.name or not folder.is_dir():
        return
    slots: dict[int, str] = {}

    def slot() -> str:
        if os.getpid() not in slots:  # after a fork too
            slots[os.getpid()] = take_slot(folder)
        return slots[os.getpid()]

    values.ValueClass = values.MultiProcessValue(process_identifier=slot)  # type: ignore[no-untyped-call]  # the library publishes no type


_name_files_by_slot()
