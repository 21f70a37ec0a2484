"""``up`` with some of its parts only: ``python -m tests.support.fewer_parts worker,beat``.

Each part is a process that takes a second of CPU time to start.
"""

from __future__ import annotations

import sys

from pc_worker.cli import main, running

if __name__ == "__main__":
    running.COMPONENTS = tuple(sys.argv[1].split(","))
    sys.exit(main(["up"]))
