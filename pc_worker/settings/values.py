"""Values of settings that are made of several variables or of the machine: URLs with a login, folders."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from pc_worker.errors import InvalidRequest
from pc_worker.installation import default_home
from pc_worker.urls import WrongUrl

#: Seconds of the longest duration, 317 years: databases and schedulers compute dates with it.
LONGEST_S = 1e10

RATE = re.compile(r"[0-9]{1,9}([.][0-9]{1,9})?")


def read_rates(value: str) -> tuple[tuple[str, float], ...]:
    """Return the rates of ``DOMAIN=ROWS_A_SECOND``, comma-separated, by domain.

    Raises:
        ValueError: If a part has another form.
    """
    rates = []
    for part in filter(None, (part.strip() for part in value.split(","))):
        domain, _, rate = part.partition("=")
        if not domain or not RATE.fullmatch(rate) or not float(rate):
            raise ValueError(f"{part!r} is not DOMAIN=ROWS_A_SECOND")
        rates.append((domain, float(rate)))
    return tuple(rates)


def whole_url(variable: str, read: Callable[..., Any], url: object, user: object, password: object) -> str | None:
    """Return the URL with the separate user and password in it; each client reads them from there.

    Args:
        variable: What the names of the three variables begin with, for messages.
        read: Parser of the URL.
        url: The URL, a text or a secret; None if unset.
        user: The separate user, likewise.
        password: The separate password, likewise.

    Raises:
        ValueError: Naming the variable and what is wrong with it.
    """
    url, user, password = map(_plain, (url, user, password))
    if url is None:
        if user is not None or password is not None:
            raise ValueError(f"{variable}_USER and {variable}_PASSWORD need {variable}_URL")
        return None
    try:
        server = read(url, user=user, password=password)
    except WrongUrl as exc:
        raise ValueError(f"{variable}_URL {exc}") from None
    for parameter, path in server.all_files.items():
        if not os.access(path, os.R_OK):
            raise ValueError(f"{variable}_URL has a file in {parameter} that cannot be read")
    return str(server.url)


def _plain(value: object) -> str | None:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return None if value is None else str(value)


def absolute(path: Path) -> Path:
    """Return ``path`` from the root, with ``~`` expanded.

    Raises:
        ValueError: If the working directory was deleted or the user is unknown.
    """
    try:
        return Path(os.path.abspath(path.expanduser()))
    except (OSError, RuntimeError) as exc:
        raise ValueError(f"{path} cannot be resolved: {exc}") from exc


def existing(folder: Callable[[], Path]) -> tuple[Path, ...]:
    """Return the working directory or the user's home, if it exists."""
    try:
        return (folder().resolve(),)
    except (OSError, RuntimeError):
        return ()


def own_home() -> Path:
    """Return the folder of all state where none is set.

    Raises:
        InvalidRequest: If this user has no home folder, as an arbitrary user of a container.
    """
    try:
        return default_home()
    except RuntimeError as exc:
        raise InvalidRequest(f"PC_WORKER_HOME must be set: this user has no home folder ({exc})") from None
