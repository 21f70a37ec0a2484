"""Loopback ports: kept from run to run unless another process uses them."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"


def free_port(preferred: int | None = None) -> int:
    """Return ``preferred`` if a server can listen there now, else any free port of 127.0.0.1."""
    if preferred and _can_listen(preferred):
        return preferred
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _can_listen(port: int) -> bool:
    try:
        # As the servers do it: with SO_REUSEADDR, so that a predecessor's closing connections do not count.
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True
