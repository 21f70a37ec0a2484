"""Prometheus metrics of several processes: files that follow places, not process ids, so that they stay few.

The library names a process's files after its id and keeps them when it ends, since its counts still count. Pool
processes are replaced all the time; a new one therefore takes the place of one that has ended, and counts on from it.
"""

from __future__ import annotations

import fcntl
import itertools
import os
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram, values

__all__ = ["FOLDER_VARIABLE", "Counter", "Gauge", "Histogram", "take_place"]

#: Where processes write their metrics; set by whoever serves them.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def take_place(folder: Path) -> str:
    """Take the first place that no living process has, until this process ends; its gauges begin anew."""
    for place in itertools.count():
        lock = os.open(folder / f"place-{place}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held, and open, as long as we live
        except BlockingIOError:
            os.close(lock)
            continue
        for stale in folder.glob(f"gauge_*_{place}.db"):
            if not stale.name.startswith("gauge_mostrecent"):
                stale.unlink(missing_ok=True)
        return str(place)
    raise AssertionError("unreachable")


def _follow_places() -> None:
    folder = Path(os.environ.get(FOLDER_VARIABLE, ""))
    if not folder.name or not folder.is_dir():
        return
    places: dict[int, str] = {}

    def place() -> str:
        if os.getpid() not in places:  # after a fork too
            places[os.getpid()] = take_place(folder)
        return places[os.getpid()]

    values.ValueClass = values.MultiProcessValue(process_identifier=place)  # type: ignore[no-untyped-call]  # the library publishes no type


_follow_places()
