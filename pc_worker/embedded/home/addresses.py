"""``HOME/addresses.json``: how other commands of the same home find the running stack."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from pc_worker.embedded.home.ownership import why_unusable
from pc_worker.embedded.home.private_file import write_private
from pc_worker.embedded.process_identity import started_at
from pc_worker.errors import HomeUnusable

FILE_NAME = "addresses.json"
#: The name in ``pids`` of the process that writes the file and keeps the others running.
OWNER = "up"
#: The key, in addition to those of `Addresses`, of the owner's start time: it exposes a reused pid.
_STARTED = "started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The addresses in use by a running stack, HOST:PORT each."""

    gateway: str
    http: str
    flower: str
    #: user:password of Flower.
    flower_auth: str = field(repr=False)
    metrics: str
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    #: Name of a component or server → pid; ``up`` is added when written.
    pids: Mapping[str, int]
    #: The folders and prefixes in which the workers take sources; empty of a stack of an earlier version.
    data_roots: Sequence[str] = ()


def write_addresses(home: Path, addresses: Addresses) -> None:
    """Publish ``addresses`` atomically, mode 0600; repeated after a component was restarted.

    Raises:
        OSError: If the home cannot be written.
    """
    entries = asdict(addresses)
    entries["pids"] = {**addresses.pids, OWNER: os.getpid()}
    entries[_STARTED] = started_at(os.getpid())
    write_private(home / FILE_NAME, json.dumps(entries, indent=1))


def read_addresses(home: Path) -> Addresses | None:
    """Return the running stack's addresses; None if nothing runs under this home, also if a dead stack left the file.

    They are valid while their writer lives: it restarts any component that dies, under the same address.

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
    with contextlib.suppress(ValueError, KeyError, TypeError):  # not written by us
        entries = json.loads(content)
        started = started_at(int(entries["pids"][OWNER]))
        if started is not None and started == entries[_STARTED]:
            return Addresses(
                **{entry.name: entries[entry.name] for entry in fields(Addresses) if entry.name in entries}
            )
    return None


def remove_addresses(home: Path) -> None:
    """Remove the addresses; does nothing if there are none."""
    (home / FILE_NAME).unlink(missing_ok=True)
