"""The parent-death signal: a child ends with its parent, so that ``kill -9`` of an owner leaves no process behind."""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import threading
from collections.abc import Callable

#: From <linux/prctl.h>.
PR_SET_PDEATHSIG = 1


def die_with_parent(death_signal: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to send ``death_signal`` to this process when the thread that started it ends.

    For a child that is already running, such as one of a worker's pool.

    Raises:
        OSError: If the kernel does not accept the signal.
    """
    _set_death_signal(_prctl(), death_signal)


def parent_death_signal(death_signal: signal.Signals) -> Callable[[], None]:
    """Return a ``preexec_fn`` that sets the child's parent-death signal.

    Raises:
        RuntimeError: If called outside the main thread: the signal follows the parent *thread*, and any other
            thread may end while the process lives.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("children must be started from the main thread: they end with it")
    # The function is looked up here: between fork and exec only the bare call is safe.
    return functools.partial(_tie, _prctl(), os.getpid(), death_signal)


def _tie(prctl: Callable[..., int], parent: int, death_signal: signal.Signals) -> None:
    _set_death_signal(prctl, death_signal)
    # The parent may have died before the call above, and then no signal would ever come.
    if os.getppid() != parent:
        os._exit(1)


def _set_death_signal(prctl: Callable[..., int], death_signal: signal.Signals) -> None:
    if prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(death_signal)) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")


def _prctl() -> Callable[..., int]:
    function: Callable[..., int] = ctypes.CDLL(None, use_errno=True).prctl
    return function
