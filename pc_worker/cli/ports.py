"""Ports of a stack's parts, chosen before the parts start, so that a restarted part keeps its address."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from pc_worker.errors import InvalidRequest
from pc_worker.settings import split_address


def settled(addresses: str, *, variable: str, held: ExitStack, else_any: bool = False) -> str:
    """Return ``addresses`` (comma-separated HOST:PORT) with every port 0 replaced by a free one.

    Each port stays reserved until ``held`` is closed: before its part listens there, and while the part is restarted,
    no other process is given the port as any free one or as the local port of a connection.

    Args:
        addresses: What was configured.
        variable: The setting's name, for the message.
        held: Closes the reservations.
        else_any: Take any free port where the wanted one is taken.

    Raises:
        InvalidRequest: If a port is taken.
    """
    return ",".join(_settled(part, variable, held, else_any=else_any) for part in addresses.split(","))


def _settled(address: str, variable: str, held: ExitStack, *, else_any: bool) -> str:
    host, port = split_address(address)
    try:
        return _reserved(host, port, held)
    except OSError as exc:
        if else_any:
            return _reserved(host, 0, held)
        raise InvalidRequest(
            f"{variable}: {address} cannot be listened on ({exc.strerror}): stop what uses it, or set another port"
        ) from exc


def _reserved(host: str, port: int, held: ExitStack) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        taken = listener.getsockname()[1]
    # With SO_REUSEADDR on both sides, a socket that is bound and does not listen keeps no server from its port.
    reservation = held.enter_context(socket.socket(family, socket.SOCK_STREAM))
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        reservation.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    reservation.bind((host, taken))
    return f"[{host}]:{taken}" if ":" in host else f"{host}:{taken}"
