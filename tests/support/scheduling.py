"""Which test process runs a file: one that has started what the file shares with others, if there is such a process.

The session's stack takes eight seconds of CPU time to start, and uses a fiftieth of a processor as long as it lives.
"""

from __future__ import annotations

import re
from functools import cache

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from pc_worker.settings import PROJECT

#: Tests and fixtures that use the session's stack.
USES_STACK = re.compile(
    r"(?:def test_\w+|@pytest\.fixture[^\n]*\ndef \w+)\([^)]*\b(?:stack: LiveStack|library: Library|http: httpx)"
)


class SharingScheduling(LoadFileScheduling):  # type: ignore[misc]
    """Assigns files in their order, but first to each process those that share with what it has run."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(self._next_for(node), last=False)
        super()._assign_work_unit(node)

    def _next_for(self, node: WorkerController) -> str:
        """Return the first file that shares with this process's; else the first that shares with no other's."""
        shared = {other: set(map(shared_by, files)) for other, files in self.assigned_work.items()}
        ours = shared.pop(node)
        theirs = set[str]().union(*shared.values())
        files: list[str] = list(self.workqueue)
        return min(files, key=lambda file: (shared_by(file) not in ours, shared_by(file) in theirs))


@cache
def shared_by(file: str) -> str:
    """Return the name of what tests of a file share with others': the stack, their folder's fixtures, or nothing."""
    path = PROJECT / file
    if USES_STACK.search(path.read_text(encoding="utf-8")):
        return "stack"
    return str(path.parent if (path.parent / "conftest.py").exists() else path)
