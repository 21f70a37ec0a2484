"""Loopback ports."""

from __future__ import annotations

import socket

from pc_worker.embedded.servers.ports import free_port


def test_a_free_port_is_kept() -> None:
    port = free_port()

    assert free_port(port) == port


def test_a_taken_port_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert free_port(port) not in (port, 0)
