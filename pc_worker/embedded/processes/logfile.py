"""Log files of child processes: appended to by the child, kept small by its owner."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path
from typing import BinaryIO

#: A file this long becomes ``<name>.log.1``, so a part never holds more than twice this.
MAX_BYTES = 8 * 1024 * 1024
#: How far back to look for the reason of a failure.
TAIL_BYTES = 8 * 1024

#: What the system itself refuses: such a line is the cause, whatever is complained of afterwards.
_CAUSES = tuple(
    os.strerror(number)
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOMEM, errno.EADDRINUSE, errno.EMFILE)
)
_COMPLAINTS = ("FATAL", "PANIC", "ERROR", "error:", "Error", "Fatal", "failed")
#: PostgreSQL's and Valkey's own times and pids.
_PREFIX = re.compile(r"^(\S+ [\d:.]+ UTC \[\d+\]|\d+:\w \d+ \w+ \d+ [\d:.]+ [#*.-]) +")


def telling_line(text: str) -> str:
    """Give the line of a program's output that best says why it ended.

    That is the last one that names what the system refused, else its last complaint, else its last line.
    """
    lines = [_PREFIX.sub("", line.strip()) for line in text.splitlines() if line.strip()]
    for words in (_CAUSES, _COMPLAINTS, ("",)):
        if telling := [line for line in lines if any(word in line for word in words)]:
            return telling[-1]
    return "it said nothing"


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
        """Move an overlong file's text aside; what its child writes in that instant may be lost."""
        try:
            if self.path.stat().st_size <= self._max_bytes:
                return
        except FileNotFoundError:
            return
        shutil.copyfile(self.path, self.path.with_name(f"{self.path.name}.1"))
        os.truncate(self.path, 0)
        self._since = 0

    def recent(self) -> str:
        """Give what was written since ``open``, its last 8 kB at most."""
        try:
            with self.path.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(self._since, end - TAIL_BYTES))
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
