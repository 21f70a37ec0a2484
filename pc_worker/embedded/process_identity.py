"""The identity of a process: distinguishes it from a later one with the same pid."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection, Iterator
from pathlib import Path

PROC = Path("/proc")


def started_at(pid: int) -> str | None:
    """Return the boot id and the start time in clock ticks, which identify a process; None if it is not alive."""
    fields = _stat(pid)
    # A zombie has ended; the start time is field 22 of man 5 proc, and the state, field 3, is our first.
    return None if not fields or fields[0] in "ZX" else f"{_boot()}:{fields[19]}"


def parent_of(pid: int) -> int | None:
    """Return the pid of a process's parent; None = not there."""
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def working_in(folder: Path, programs: Collection[str]) -> list[int]:
    """Find the live processes named in ``programs`` whose working folder, or an argument, is ``folder``."""
    return [pid for pid in _pids() if _name(pid) in programs and _is_in(pid, str(folder)) and started_at(pid)]


def signal_all(pids: Collection[int], number: signal.Signals) -> None:
    """Send a signal to each of ``pids`` that still lives."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _stat(pid: int) -> list[str]:
    try:
        # The name, in brackets, may itself hold blanks and brackets.
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _boot() -> str:
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # hidden in some sandboxes; the start time alone distinguishes processes of one boot
        return ""


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return (PROC / str(pid) / "comm").read_text().strip()
    return ""


def _is_in(pid: int, folder: str) -> bool:
    # Root without CAP_SYS_PTRACE, as in most containers, may not read another user's cwd, only its arguments.
    with contextlib.suppress(OSError):
        if os.readlink(PROC / str(pid) / "cwd") == folder:
            return True
    with contextlib.suppress(OSError):
        return folder in (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    return False
