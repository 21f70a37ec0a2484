"""Flower's user and password: what is configured, else what was generated once and is kept under HOME."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from filelock import FileLock

from pc_worker.embedded import write_private
from pc_worker.errors import HomeUnusable
from pc_worker.settings import Settings


def flower_password(settings: Settings) -> str:
    """Return user:password; what is kept but cannot be used, as an empty file, is replaced.

    Raises:
        HomeUnusable: If HOME cannot be written.
    """
    if settings.flower_auth is not None:
        return settings.flower_auth.get_secret_value()
    path = settings.home / "flower_auth"
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with FileLock(settings.home / "flower_auth.lock"):  # components that start together keep one password
            kept = _kept(path)
            if kept is None:
                kept = f"pcw:{secrets.token_urlsafe(18)}"
                write_private(path, kept)
            return kept
    except OSError as exc:
        raise HomeUnusable(settings.home, f"cannot keep Flower's password ({exc.strerror}): fix that") from exc


def require_login(login: str) -> None:
    """Let Flower, which is started next in this process, take exactly this user:password."""
    import flower.options  # noqa: F401 - defines them
    from tornado.options import options

    # Not by its command line or variable: they hold a list, and a comma would divide a password into two logins.
    os.environ.pop("FLOWER_BASIC_AUTH", None)
    options.basic_auth = [login]


def _kept(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, PermissionError, UnicodeDecodeError):
        return None
    return text if all(text.partition(":")[::2]) and text.isprintable() else None
