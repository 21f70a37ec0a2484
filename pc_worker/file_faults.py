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


def file_fault(exc: OSError | ValueError) -> str:
    """Return the error of an opened, read or written file as a phrase.

    >>> file_fault(FileNotFoundError(2, "No such file or directory", "a.csv"))
    'there is no such file'
    """
    if isinstance(exc, UnicodeDecodeError):
        return f"it is not UTF-8 text (byte {exc.start})"
    number = getattr(exc, "errno", None) or 0
    return WORDS.get(number) or getattr(exc, "strerror", None) or str(exc)
