"""What a home stores about its servers between runs: passwords and ports."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pc_worker.embedded.home.private_file import write_private
from pc_worker.errors import HomeUnusable

FILE_NAME = "embedded.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """One server's password, and the port it listened on last."""

    password: str = field(repr=False)
    port: int | None = None


#: Server name → state.
HomeState = dict[str, ServerState]


def new_state() -> ServerState:
    """Return a state with a new random password: 192 bits, no character that URLs or SQL must quote."""
    return ServerState(password=secrets.token_urlsafe(24))


def read_state(home: Path) -> HomeState:
    """Return the stored state; empty for a new home.

    Raises:
        HomeUnusable: If the file is damaged.
    """
    path = home / FILE_NAME
    try:
        entries = json.loads(path.read_bytes())
        return {name: ServerState(**entry) for name, entry in entries.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as exc:
        # Data is safe without it: the servers get new passwords.
        raise HomeUnusable(home, f"holds a damaged {FILE_NAME}: delete that file") from exc


def write_state(home: Path, state: HomeState) -> None:
    """Store ``state``, mode 0600."""
    write_private(home / FILE_NAME, json.dumps({name: asdict(entry) for name, entry in state.items()}, indent=1))
