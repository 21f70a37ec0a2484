"""``python -m pc_worker`` and the command ``pc-worker``: the command line."""

from __future__ import annotations

import gc
import signal
import sys
from types import FrameType

#: What runs until it is stopped, and ends with 0 then, however early that is.
PARTS = ("up", "worker", "beat", "gateway", "flower")

# Imports make a hundred thousand objects that stay: with Python's own threshold (700) the collector looks at them
# hundreds of times, a seventh of each process's start.
gc.set_threshold(50_000)


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> int:
    """Run the command that the arguments name and return its exit code."""
    # Before anything is imported, which takes a second; each part has handlers of its own once it runs.
    if sys.argv[1:2] and sys.argv[1] in PARTS:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)

    from pc_worker.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
