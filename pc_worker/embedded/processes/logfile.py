"""Log files of child processes: appended to by the child, truncated by its owner."""

from __future__ import annotations

import errno
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

#: A file this long becomes ``<name>.log.1``, so a component never uses more than twice this.
MAX_BYTES = 8 * 1024 * 1024
#: How far back to look for the reason of a failure.
TAIL_BYTES = 8 * 1024

#: Errors of the operating system: such a line is the cause, and later lines are consequences.
_CAUSES = tuple(
    os.strerror(number)
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOMEM, errno.EADDRINUSE, errno.EMFILE)
)
_COMPLAINTS = ("FATAL", "PANIC", "ERROR", "error:", "Error", "Fatal", "failed")
#: PostgreSQL's and Valkey's own times and pids.
_PREFIX = re.compile(r"^(\S+ [\d:.]+ UTC \[\d+\]|\d+:\w \d+ \w+ \d+ [\d:.]+ [#*.-]) +")


def relevant_line(text: str) -> str:
    """Return the line of a program's output that best explains why it ended.

    The last line with an error of the operating system, else the last error line, else the last line.
    """
    lines = [_PREFIX.sub("", line.strip()) for line in text.splitlines() if line.strip()]
    for words in (_CAUSES, _COMPLAINTS, ("",)):
        if relevant := [line for line in lines if any(word in line for word in words)]:
            return relevant[-1]
    return "it printed nothing"


class LogFile:
    """One process's log; the file appears with the first ``open``."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._since = 0

    def open(self) -> BinaryIO:
        """Open for a new child, mode 0600; ``recent`` begins here."""
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        self.trim()
        # Appending keeps a child's writes at the end of the file when `trim` shortens it under the child.
        file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab", buffering=0)
        self._since = self.path.stat().st_size
        return file

    def trim(self) -> None:
        """Move the text of a too long file to ``<name>.log.1``; text written at that instant may be lost.

        While there is no space for the copy, the text stays where it is, up to twice the length.
        """
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return
        if size <= self._max_bytes or not (self._copied() or size > 2 * self._max_bytes):
            return
        os.truncate(self.path, 0)
        self._since = 0

    def _copied(self) -> bool:
        """Keep a copy, and return whether that was possible: a full disk must not end the owner of the child."""
        kept = self.path.with_name(f"{self.path.name}.1")
        try:
            shutil.copyfile(self.path, kept)
        except OSError:
            with suppress(OSError):
                kept.unlink(missing_ok=True)
            return False
        return True

    def recent(self) -> str:
        """Return the text written since ``open``, at most its last 8 kB."""
        try:
            with self.path.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(self._since, end - TAIL_BYTES))
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
