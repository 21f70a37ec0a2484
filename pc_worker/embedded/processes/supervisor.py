"""A set of child processes: kept running, and ended together."""

from __future__ import annotations

import time
from pathlib import Path

from pc_worker.embedded.processes.backoff import Backoff
from pc_worker.embedded.processes.logfile import LogFile
from pc_worker.embedded.processes.process import Command, Process


class Supervisor:
    """The children of this process, by name; each logs to ``<logs>/<name>.log``. Use it from the main thread."""

    def __init__(self, logs: Path, *, backoff: Backoff | None = None) -> None:
        self._logs, self._backoff = logs, backoff
        self._processes: dict[str, Process] = {}

    @property
    def pids(self) -> dict[str, int]:
        """Name → pid of those that run now."""
        return {name: process.pid for name, process in self._processes.items() if process.pid is not None}

    @property
    def exit_codes(self) -> dict[str, int]:
        """Name → how it last ended (minus a signal's number), of those that ever did."""
        codes = ((name, process.exit_code) for name, process in self._processes.items())
        return {name: code for name, code in codes if code is not None}

    def __getitem__(self, name: str) -> Process:
        return self._processes[name]

    def start(self, command: Command) -> Process:
        """Start a child; a second one of the same name takes the place of the first, which is killed.

        Raises:
            OSError: If it cannot be executed.
            RuntimeError: If called outside the main thread.
        """
        if command.name in self._processes:
            self._processes[command.name].finish(time.monotonic())
        process = Process(command, LogFile(self._logs / f"{command.name}.log"), backoff=self._backoff)
        process.start()
        self._processes[command.name] = process
        return process

    def watch(self) -> list[str]:
        """Restart, without waiting, what died and is due; return the names of those restarted, for the log."""
        return [name for name, process in self._processes.items() if process.tend()]

    def stop(self, grace_s: float) -> None:
        """Ask all to stop, the newest first, wait ``grace_s`` for the last of them, and kill the rest.

        Descendants of a child are killed with it. Exit codes stay readable; a second call does nothing.
        """
        newest_first = list(reversed(self._processes.values()))
        deadline = time.monotonic() + grace_s
        for process in newest_first:
            process.ask_to_stop()
        for process in newest_first:
            process.finish(deadline)
