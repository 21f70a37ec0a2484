"""What lies in the inbox: files to take up, and entries that cannot be, each looked at on its own."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pc_worker.services.sources import WHAT_TO_DO
from pc_worker.store.ledger.inbox import InboxFile

#: Names that writers use for files they have not finished, in any case; so are those that begin with a dot or ``~$``.
UNFINISHED = (
    *(".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".opdownload", ".incomplete"),
    *(".inprogress", ".unfinished", ".swp", ".lock", "~"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An entry that cannot be taken up, and why.

    ``domain`` is given if it lies where a file to ingest does: somebody waits for its job then.
    """

    path: str
    reason: str
    domain: str | None = None


Found = InboxFile | Trouble


def look_through(inbox: Path, domains: Collection[str], is_allowed: Callable[[str], bool]) -> Iterator[Found]:
    """Yield what lies in ``inbox``; nothing that is wrong with one entry hides another.

    Args:
        inbox: The folder, with a folder for each domain that files are brought for.
        domains: The domains.
        is_allowed: Whether a folder lies under the data roots, its links followed.
    """
    for entry in _entries(os.fspath(inbox)):
        if isinstance(entry, Trouble):
            yield entry
        elif entry.name in domains:
            yield from _domain_folder(entry.path, entry.name, is_allowed)
        elif not is_unfinished(entry.name):
            yield Trouble(path=entry.path, reason=f"there is no such domain: files go into {inbox}/<domain>/")


def is_unfinished(name: str) -> bool:
    """Say whether a name is one that writers use until a file is complete.

    >>> [is_unfinished(name) for name in ("a.pkl", "a.pkl.FilePart", ".a.pkl.X7", "~$a.xlsx", "part.pkl")]
    [False, True, True, True, False]
    """
    return name.startswith((".", "~$")) or name.lower().endswith(UNFINISHED)


def _domain_folder(path: str, domain: str, is_allowed: Callable[[str], bool]) -> Iterator[Found]:
    if not is_allowed(path):
        yield Trouble(path=path, reason="it leads outside the data roots: set PC_WORKER_DATA_ROOTS, or take it away")
        return
    for entry in _entries(path):
        if isinstance(entry, Trouble):
            yield entry
        elif not is_unfinished(entry.name) and (found := _entry(entry, domain)) is not None:
            yield found


def _entries(folder: str) -> Sequence[os.DirEntry[str] | Trouble]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as exc:
        return [Trouble(path=folder, reason=f"it cannot be listed: {what_is_wrong(exc)}")]


def _entry(entry: os.DirEntry[str], domain: str) -> Found | None:
    try:
        entry.path.encode()
        found = entry.stat()
    except UnicodeEncodeError:
        return Trouble(path=entry.path, domain=domain, reason="its name is not UTF-8: rename it")
    except FileNotFoundError:  # taken away meanwhile, unless it is a link
        reason = "its symbolic link leads nowhere"
        return Trouble(path=entry.path, domain=domain, reason=reason) if entry.is_symlink() else None
    except OSError as exc:
        return Trouble(path=entry.path, domain=domain, reason=what_is_wrong(exc))
    if stat.S_ISDIR(found.st_mode):
        return Trouble(path=entry.path, reason="it is a folder: files are taken from the domain's own folder only")
    if not stat.S_ISREG(found.st_mode):
        return Trouble(path=entry.path, domain=domain, reason="it is no regular file")
    return InboxFile(
        path=entry.path,
        domain=domain,
        size=found.st_size,
        mtime_ns=found.st_mtime_ns,
        ctime_ns=found.st_ctime_ns,
    )


def what_is_wrong(error: OSError) -> str:
    """Say in words what the system refuses."""
    return WHAT_TO_DO.get(error.errno or 0) or error.strerror or str(error)


def shown(path: str) -> str:
    r"""Give a path as text that can be stored and shown, whatever bytes it consists of.

    >>> print(shown(os.fsdecode(b"bad\xff\nname")))
    bad\xff\x0aname
    """
    return "".join(c if c.isprintable() else _escaped(c) for c in path)


def _escaped(character: str) -> str:
    raw = "surrogateescape" if "\udc80" <= character <= "\udcff" else "surrogatepass"
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", raw))
