"""What an entry of the inbox is, in a folder or in an object store."""

from __future__ import annotations

from dataclasses import dataclass

from pc_worker.store.ledger.inbox import InboxFile

#: Endings of the names of unfinished files, in any case. Names that begin with a dot or ``~$`` are unfinished, too.
UNFINISHED = (
    *(".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".opdownload", ".incomplete"),
    *(".inprogress", ".unfinished", ".swp", ".lock", "~"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedEntry:
    """An entry that cannot be ingested, and the reason.

    ``domain`` is set if the entry is in a domain's folder: then its user waits for a job.
    """

    path: str
    reason: str
    domain: str | None = None


InboxEntry = InboxFile | RejectedEntry


def is_unfinished(name: str) -> bool:
    """Return whether a name is one that programs use until a file is complete.

    >>> [is_unfinished(name) for name in ("a.pkl", "a.pkl.FilePart", ".a.pkl.X7", "~$a.xlsx", "part.pkl")]
    [False, True, True, True, False]
    """
    return name.startswith((".", "~$")) or name.lower().endswith(UNFINISHED)
