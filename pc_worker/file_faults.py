"""Why a file cannot be used, in words for people."""

from __future__ import annotations

import errno

WORDS = {
    errno.ENOENT: "there is no such file",
    errno.ENOTDIR: "there is no such file",
    errno.EACCES: "no permission to read it",
    errno.EISDIR: "it is a directory",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "its symbolic links go in a circle",
    errno.ENOSPC: "the disk is full",
    errno.EROFS: "the file system is read-only",
}

_FULL = "the disk of PC_WORKER_HOME is full: free space on it, or set PC_WORKER_HOME to a folder on another disk"
_FILES = "too many files are open: raise the limit (`ulimit -n`)"
_MOUNT = "its file system does not answer: check that it is mounted and its server runs"
#: System errors that pass when space, memory or descriptors are freed, or a file system answers again.
LACKING = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOMEM: "the system has no memory left for it",
    errno.EAGAIN: _MOUNT,
    errno.ETIMEDOUT: _MOUNT,
    errno.ESTALE: _MOUNT,
}


def file_fault(exc: OSError | ValueError) -> str:
    """Return the error of an opened, read or written file as a phrase.

    >>> file_fault(FileNotFoundError(2, "No such file or directory", "a.csv"))
    'there is no such file'
    """
    if isinstance(exc, UnicodeDecodeError):
        return f"it is not UTF-8 text (byte {exc.start})"
    number = getattr(exc, "errno", None) or 0
    return WORDS.get(number) or getattr(exc, "strerror", None) or str(exc)
