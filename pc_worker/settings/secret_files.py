"""Secrets from files: ``PC_WORKER_TOKEN_FILE`` names the file that holds ``PC_WORKER_TOKEN``; so for each secret."""

from __future__ import annotations

import os
from collections.abc import Iterable

from pc_worker.errors import InvalidRequest

MAX_BYTES = 65_536


def secrets_in_files(prefix: str, names: Iterable[str]) -> dict[str, str]:
    """Return the settings that are read from files, each without the end of its last line.

    Raises:
        InvalidRequest: If a file cannot be read or is empty, or if the secret is set as well.
    """
    variables = {name: f"{prefix}{name.upper()}" for name in names}
    paths = {name: os.environ.get(f"{variable}_FILE") for name, variable in variables.items()}
    for name, variable in variables.items():
        if paths[name] and os.environ.get(variable):
            raise InvalidRequest(f"{variable} and {variable}_FILE are both set: leave one out")
    return {name: _read(f"{variables[name]}_FILE", path) for name, path in paths.items() if path}


def provider_key(variable: str) -> str | None:
    """Return a provider's key from its own variable, such as ``OPENAI_API_KEY``, or the file named with ``_FILE``.

    Raises:
        InvalidRequest: If both are set, or the file cannot be read or is empty.
    """
    value, path = os.environ.get(variable), os.environ.get(f"{variable}_FILE")
    if value and path:
        raise InvalidRequest(f"{variable} and {variable}_FILE are both set: leave one out")
    return _read(f"{variable}_FILE", path) if path else value or None


def _read(variable: str, path: str) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise InvalidRequest(f"{variable}: the file is not UTF-8") from None
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not a path"
        raise InvalidRequest(f"{variable}: the file cannot be read ({reason})") from None
    if not text or len(content) > MAX_BYTES:
        raise InvalidRequest(f"{variable}: the file is {'empty' if not text else 'too long for a secret'}")
    return text
