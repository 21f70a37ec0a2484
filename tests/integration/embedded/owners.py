"""Owners of homes in processes of their own, so that they can be killed, doubled or run as another user."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

_OWN = """
import json, pathlib, signal, sys
from pc_worker.embedded import start_servers
from pc_worker.errors import PcWorkerError
try:
    servers = start_servers(pathlib.Path(sys.argv[1]))
except PcWorkerError as exc:
    print(f"error: {exc}", file=sys.stderr)
    sys.exit(exc.exit_code)
signal.signal(signal.SIGTERM, lambda *_: (servers.stop(), sys.exit(0)))
print(json.dumps({"pids": servers.pids, "urls": [servers.database_url, servers.redis_url]}), flush=True)
while True:
    signal.pause()
"""


def eventually(condition: Callable[[], object], *, timeout_s: float = 20) -> None:
    """Wait until ``condition`` holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.02)


class Owner:
    """A process that owns a home and its servers."""

    def __init__(self, process: subprocess.Popen[str], pids: Mapping[str, int], urls: list[str]) -> None:
        self.process, self.pids = process, pids
        self.database_url, self.redis_url = urls

    def kill(self) -> None:
        """End it with ``kill -9``."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)


def start_owner(home: Path, *, uid: int | None = None) -> subprocess.Popen[str]:
    """Start an owner, as another user if ``uid`` is given, without waiting."""
    return subprocess.Popen(
        [interpreter(uid), "-c", _OWN, str(home)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{sysconfig.get_path('purelib')}"},
        cwd="/",
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def owner_of(home: Path, *, uid: int | None = None) -> Iterator[Owner]:
    """Yield an owner whose servers run."""
    process = start_owner(home, uid=uid)
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        try:
            yield Owner(process, **json.loads(line))
        finally:
            process.kill()


def refusal(home: Path, *, uid: int | None = None) -> tuple[int, str]:
    """Return exit code and error of an owner that cannot start."""
    process = start_owner(home, uid=uid)
    _, complaint = process.communicate(timeout=60)
    return process.returncode, complaint


def interpreter(uid: int | None) -> str:
    """Return a Python of our version that ``uid`` may run; the one of the tests may lie in a private folder."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{name}", shutil.which(name)):
        if candidate and os.path.exists(candidate) and _may_run(candidate, uid):
            return candidate
    return ""


def _may_run(python: str, uid: int | None) -> bool:
    try:
        return subprocess.run([python, "-c", ""], user=uid, group=uid, cwd="/", check=False).returncode == 0
    except PermissionError:
        return False
