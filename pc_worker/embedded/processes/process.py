"""One supervised child: restarted when it dies unexpectedly, ended with its parent, stopped with all it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO

from pc_worker.embedded.home.account import Account
from pc_worker.embedded.processes.backoff import Backoff
from pc_worker.embedded.processes.logfile import LogFile, relevant_line
from pc_worker.embedded.processes.parent_death import parent_death_signal

#: Seconds between checks of an ending process.
POLL_S = 0.01


def _nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """The program of a child, its account, and the signals that end it."""

    name: str
    argv: tuple[str, ...]
    #: None = this process's environment.
    env: Mapping[str, str] | None = None
    account: Account | None = None
    #: Given on standard input: a way for secrets, which every user could read in ``argv``.
    stdin: bytes = field(default=b"", repr=False)
    stop_signal: signal.Signals = signal.SIGTERM
    #: Sent by the kernel when this process dies.
    death_signal: signal.Signals = signal.SIGKILL
    #: Called before each start: removes what a killed predecessor left.
    before_start: Callable[[], None] = _nothing


class Process:
    """A running ``Command``; call ``tend`` regularly from the main thread."""

    def __init__(
        self,
        command: Command,
        log: LogFile,
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.command = command
        self.log = log
        #: Consecutive unexpected deaths.
        self.deaths = 0
        #: How it last ended: a code, or minus a signal's number; None = it has not ended yet.
        self.exit_code: int | None = None
        self._last_failure = ""
        self._backoff, self._clock = backoff or Backoff(), clock
        self._child: subprocess.Popen[bytes] | None = None
        self._is_wanted = True
        self._started = self._due = clock()

    @property
    def pid(self) -> int | None:
        """The pid while it runs."""
        return None if self._child is None or self._has_ended() else self._child.pid

    @property
    def failure_line(self) -> str:
        """The line of its log that best explains its last end, also once it has been started again."""
        recent = self.log.recent()
        return relevant_line(recent) if recent.strip() or not self._last_failure else self._last_failure

    def start(self) -> None:
        """Start the command in its own session; it ends with this process.

        Raises:
            OSError: If it cannot be executed.
        """
        self.command.before_start()
        with self.log.open() as log, _standard_input(self.command.stdin) as stdin:
            self._child = _spawn(self.command, stdin=stdin, output=log)
        self._started = self._clock()

    def tend(self) -> bool:
        """Restart it if it died unexpectedly and its delay is over; return whether it was restarted now."""
        if not self._is_wanted:
            return False
        self.log.trim()
        if self._child is not None and self._has_ended():
            self._reap()
            self._count_death()
        if self._child is not None or self._clock() < self._due:
            return False
        try:
            self.start()
        except OSError:  # no memory, no process slots, a full disk: wait longer, then try again
            self._started = self._clock()
            self._count_death()
            return False
        return True

    def ask_to_stop(self) -> None:
        """Send the stop signal, if it runs; from now on it is not started again."""
        self._is_wanted = False
        if (pid := self.pid) is not None:
            with contextlib.suppress(ProcessLookupError):  # the kernel may have reaped it just now, see `_has_ended`
                os.kill(pid, self.command.stop_signal)

    def finish(self, deadline: float) -> None:
        """Wait for its end until ``deadline`` on the clock, then kill it; its descendants are killed with it."""
        self._is_wanted = False
        while self._child is not None and not self._has_ended() and self._clock() < deadline:
            time.sleep(POLL_S)
        if self._child is not None:
            self._reap()

    def _has_ended(self) -> bool:
        if self._child is None:
            return True
        # WNOWAIT leaves the zombie: while it keeps its pid, that number cannot name another process group.
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            return os.waitid(os.P_PID, self._child.pid, flags) is not None
        except ChildProcessError:  # our parent ignores SIGCHLD, which we inherit, so the kernel has reaped it
            return True

    def _reap(self) -> None:
        if self._child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self.exit_code = self._child.wait()
        self._last_failure = relevant_line(self.log.recent())
        self._child = None

    def _count_death(self) -> None:
        now = self._clock()
        self.deaths = 1 if now - self._started >= self._backoff.calm_s else self.deaths + 1
        self._due = now + self._backoff.delay_s(self.deaths)


def _standard_input(text: bytes) -> IO[bytes]:
    if not text:
        return open(os.devnull, "rb")
    file = os.fdopen(os.memfd_create("stdin"), "r+b")
    file.write(text)
    file.seek(0)
    return file


def _spawn(command: Command, *, stdin: IO[bytes], output: IO[bytes]) -> subprocess.Popen[bytes]:
    account = command.account
    return subprocess.Popen(
        command.argv,
        stdin=stdin,
        stdout=output,
        stderr=output,
        env=command.env,
        start_new_session=True,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
        # Runs after the change of user, which would undo it.
        preexec_fn=parent_death_signal(command.death_signal),
    )
