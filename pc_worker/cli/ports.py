"""Ports of a stack's parts, chosen before the parts start, so that a restarted part keeps its address."""

from __future__ import annotations

import socket

from pc_worker.errors import InvalidRequest
from pc_worker.settings import split_address


def settled(addresses: str, *, variable: str, else_any: bool = False) -> str:
    """Return ``addresses`` (comma-separated HOST:PORT) with every port 0 replaced by a free one.

    Args:
        addresses: What was configured.
        variable: The setting's name, for the message.
        else_any: Take any free port where the wanted one is taken.

    Raises:
        InvalidRequest: If a port is taken.
    """
    return ",".join(_settled(part, variable, else_any) for part in addresses.split(","))


def _settled(address: str, variable: str, else_any: bool) -> str:
    host, port = split_address(address)
    try:
        return _bound(host, port)
    except OSError as exc:
        if else_any:
            return _bound(host, 0)
        raise InvalidRequest(
            f"{variable}: {address} cannot be listened on ({exc.strerror}): stop what uses it, or set another port"
        ) from exc


def _bound(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        taken = listener.getsockname()[1]
    return f"[{host}]:{taken}" if ":" in host else f"{host}:{taken}"
