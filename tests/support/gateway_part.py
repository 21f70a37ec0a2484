"""A gateway of a test's own next to a running stack, with settings of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pc_worker.cli.running import STOP_GRACE_S
from tests.support.stack import LiveStack
from tests.support.waiting import eventually

LISTENS = re.compile(r"^gateway listens on (\S+)$", re.MULTILINE)


@contextmanager
def running_gateway(stack: LiveStack, folder: Path, **settings: str) -> Iterator[str]:
    """Run another gateway on a stack's servers, and yield its address; its log is in ``folder``."""
    log = folder / f"gateway-{time.monotonic_ns()}.log"
    env = stack.env | {f"PC_WORKER_{name}": value for name, value in settings.items()}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pc_worker", "gateway"], env=env, stdout=output, stderr=output
        )

    def address() -> str | None:
        assert process.poll() is None, log.read_text()
        found = LISTENS.search(log.read_text())
        return found and found[1]

    try:
        yield str(eventually(address, what="the gateway"))
    finally:
        process.terminate()
        process.wait(STOP_GRACE_S)
