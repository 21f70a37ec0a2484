"""What this installation is meant to have: from the metadata of a wheel, or the checkout's ``pyproject.toml``."""

from __future__ import annotations

import importlib.metadata
import tomllib

from pc_worker.installation import CHECKOUT, from_wheel

DISTRIBUTION = "pc-worker"
#: The extra with PyTorch and sentence-transformers, for other models than the built-in one.
MODELS = "models"


def requirements(extra: str = "") -> list[str]:
    """Return the requirements, each ``name==version``, of the light installation or of an extra."""
    if from_wheel():
        marker = f"extra == '{extra}'" if extra else ""
        lines = [line.partition(";") for line in importlib.metadata.requires(DISTRIBUTION) or ()]
        return [name.strip() for name, _, found in lines if found.strip().replace('"', "'") == marker]
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["optional-dependencies"][extra] if extra else project["dependencies"])


def installed(requirement: str) -> str | None:
    """Return the version that is installed, without its local part, or None."""
    name = requirement.partition("==")[0].partition("[")[0]
    try:
        return importlib.metadata.version(name).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None
