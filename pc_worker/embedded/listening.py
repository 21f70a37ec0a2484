"""Who listens on a port of this machine, or of this container."""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from contextlib import suppress
from pathlib import Path

from pc_worker.embedded.process_identity import PROC

#: The state of a listening socket in /proc/net/tcp, see man 5 proc.
LISTEN = "0A"


def is_own_port(port: int) -> bool:
    """Return whether a part of pc_worker listens on ``port``; False also if its process cannot be read."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    return any(_is_part(process) and _holds(process, sockets) for process in PROC.glob("[0-9]*"))


def _listening(port: int) -> Iterator[str]:
    """Yield the inodes of the sockets that listen on ``port``."""
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (PROC / "self" / "net" / table).read_text().splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == LISTEN and int(local.rpartition(":")[2], 16) == port:
                    yield rest[5]


def _is_part(process: Path) -> bool:
    """Return whether a process is a command of ours, or Celery with our tasks."""
    with suppress(OSError):
        arguments = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        names = {Path(argument).name for argument in arguments[:3]}
        return bool(names & {"pc_worker", "pc-worker"}) or ("celery" in names and "tasks" in arguments)
    return False


def _holds(process: Path, sockets: Set[str]) -> bool:
    with suppress(OSError):
        return any(_target(descriptor) in sockets for descriptor in (process / "fd").iterdir())
    return False


def _target(descriptor: Path) -> str:
    with suppress(OSError):
        return os.readlink(descriptor)
    return ""
