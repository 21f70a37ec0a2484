"""What can go wrong with the servers of a home, and what its user does about it."""

from __future__ import annotations

from pathlib import Path

from pc_worker.errors import InvalidRequest, Unavailable


class HomeInUse(InvalidRequest):
    """Another process owns this home; two owners would run two servers on one set of data."""

    def __init__(self, home: Path, owner: str) -> None:
        super().__init__(home, owner)
        self.home, self.owner = home, owner

    def __str__(self) -> str:
        return f"{self.home} is in use by {self.owner}: stop it, or set PC_WORKER_HOME to another folder"


class HomeUnusable(InvalidRequest):
    """This home cannot hold our state: it belongs to someone else, or cannot be written."""

    def __init__(self, home: Path, reason: str) -> None:
        super().__init__(home, reason)
        self.home, self.reason = home, reason

    def __str__(self) -> str:
        return f"{self.home} {self.reason}, or set PC_WORKER_HOME to a folder of your own"


class ServiceFailed(Unavailable):
    """A server of ours did not start; ``reason`` holds the last telling line of what it said."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name, self.reason = name, reason

    def __str__(self) -> str:
        return f"the embedded {self.name} did not start: {self.reason}"
