"""Where this installation's files are: inside the package when installed from a wheel, next to it in a checkout."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

#: Real folders, not resources of a zip archive: servers and child processes read from them.
PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent
#: What a wheel has inside the package, and a checkout next to it.
IN_WHEEL = "migrations"


def from_wheel() -> bool:
    """Return whether this is an installed wheel and not a checkout."""
    return (PACKAGE / IN_WHEEL).is_dir()


def project_file(name: str) -> Path:
    """Return the path of ``migrations``, ``proto`` or ``flowerconfig.py``."""
    return (PACKAGE if from_wheel() else CHECKOUT) / name


def default_home() -> Path:
    """Return the state folder where none is set: ``.pcw`` in a checkout, else the user's folder for state."""
    if not from_wheel():
        return CHECKOUT / ".pcw"
    state = os.environ.get("XDG_STATE_HOME", "")
    return (Path(state) if os.path.isabs(state) else Path("~/.local/state").expanduser()) / "pc_worker"


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``environment`` for a child ``python -m …`` that imports this code and nothing of its working folder."""
    safe = {**environment, "PYTHONSAFEPATH": "1"}
    if not from_wheel():
        safe["PYTHONPATH"] = os.pathsep.join(filter(None, (str(CHECKOUT), environment.get("PYTHONPATH"))))
    return safe
