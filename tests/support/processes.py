"""Other processes, which may end while one looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import psutil


def family_of(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started; none when it has gone."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    return []


def each(processes: Iterable[psutil.Process], act: Callable[[psutil.Process], object]) -> None:
    """Do something to each that still lives."""
    for process in processes:
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            act(process)


def runs(process: psutil.Process) -> bool:
    """Return whether it is more than an entry that its parent has yet to reap."""
    return status_of(process) not in (None, psutil.STATUS_ZOMBIE)


def status_of(process: psutil.Process) -> str | None:
    """Return its state; None when it has gone."""
    with suppress(psutil.NoSuchProcess):
        return str(process.status()) if process.is_running() else None
    return None


def command_of(process: psutil.Process) -> str:
    """Return the beginning of its command line; nothing when it has gone."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline()[:6])
    return ""


def memory_of(process: psutil.Process) -> int:
    """Return its resident bytes; none when it has gone."""
    with suppress(psutil.NoSuchProcess):
        return int(process.memory_info().rss)
    return 0


def freeze(pid: int) -> list[psutil.Process]:
    """Suspend a process, then its children, and return them: a suspended parent starts no other meanwhile."""
    frozen: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        parent.suspend()
        frozen = [parent, *parent.children(recursive=True)]
        each(frozen[1:], psutil.Process.suspend)
    return frozen


def thaw(processes: Iterable[psutil.Process]) -> None:
    """Let each that still lives go on."""
    each(processes, psutil.Process.resume)
