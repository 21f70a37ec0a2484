"""Ports of a stack's parts."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from pc_worker.cli.ports import settled
from pc_worker.errors import InvalidRequest
from pc_worker.settings import split_address


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_reserved_port_is_given_to_nobody_else_and_its_server_listens_there(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as held:
        where = split_address(settled(f"{host}:0", variable="PC_WORKER_HTTP_ADDRESS", held=held))

        with pytest.raises(OSError, match="in use"), socket.socket(family) as unaware:
            unaware.bind(where)
        for _ in range(2):  # a part, and the part restarted
            socket.create_server(where, family=family).close()


def test_a_taken_port_is_an_error_or_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, ExitStack() as held:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        with pytest.raises(InvalidRequest, match="PC_WORKER_HTTP_ADDRESS"):
            settled(address, variable="PC_WORKER_HTTP_ADDRESS", held=held)
        assert settled(address, variable="PC_WORKER_HTTP_ADDRESS", held=held, else_any=True) != address
