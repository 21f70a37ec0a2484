"""``HOME/addresses.json``: how other commands of the same home find the running stack."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from pc_worker.embedded.home.ownership import why_unusable
from pc_worker.embedded.home.private_file import write_private
from pc_worker.embedded.processes.identity import started_at
from pc_worker.errors import HomeUnusable

FILE_NAME = "addresses.json"
#: The name in ``pids`` of the process that writes the file and keeps the others running.
OWNER = "up"
#: The key, beyond those of `Addresses`, that holds the owner's start, so that a reused pid fools nobody.
_STARTED = "started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """What a running stack really uses; addresses are HOST:PORT."""

    gateway: str
    flower: str
    #: user:password of Flower.
    flower_auth: str = field(repr=False)
    metrics: str
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    #: Name of a part or server → pid; ``up`` is added when written.
    pids: Mapping[str, int]


def write_addresses(home: Path, addresses: Addresses) -> None:
    """Publish ``addresses`` as this process's, whole or not at all, mode 0600; again after a part was restarted.

    Raises:
        OSError: If the home cannot be written.
    """
    entries = asdict(addresses)
    entries["pids"] = {**addresses.pids, OWNER: os.getpid()}
    entries[_STARTED] = started_at(os.getpid())
    write_private(home / FILE_NAME, json.dumps(entries, indent=1))


def read_addresses(home: Path) -> Addresses | None:
    """Give the running stack's addresses; None when nothing runs under this home, whatever a dead stack left there.

    They are trusted while their writer lives: it starts again whatever else dies, under the same addresses.

    Raises:
        HomeUnusable: If the home belongs to another user.
    """
    try:
        content = (home / FILE_NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as exc:
        raise HomeUnusable(home, why_unusable(home)) from exc
    return _trusted(content)


def _trusted(content: bytes) -> Addresses | None:
    with contextlib.suppress(ValueError, KeyError, TypeError):  # not of our writing
        entries = json.loads(content)
        started = started_at(int(entries["pids"][OWNER]))
        if started is not None and started == entries[_STARTED]:
            return Addresses(**{entry.name: entries[entry.name] for entry in fields(Addresses)})
    return None


def remove_addresses(home: Path) -> None:
    """Withdraw the addresses; harmless when there are none."""
    (home / FILE_NAME).unlink(missing_ok=True)
