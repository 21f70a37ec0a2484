"""``python -m pc_worker`` and the command ``pc-worker``: the command line."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from pc_worker.collector import collect_rarely
from pc_worker.direct import connect_directly

#: Commands that run until they are stopped, and then exit with 0, also during their start.
COMPONENTS = ("up", "worker", "beat", "gateway", "http", "flower")

collect_rarely()
connect_directly()


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> int:
    """Run the command that the arguments name and return its exit code."""
    # Before the imports, which take a second; each component sets its own handlers once it runs.
    if sys.argv[1:2] and sys.argv[1] in COMPONENTS:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)

    from pc_worker.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
