"""A host that vanishes silently is noticed soon: a failover may leave connections to one."""

from __future__ import annotations

import socket

import pytest

from pc_worker.store.db.async_connect import TCP_OPTIONS, AsyncConnector
from pc_worker.urls import read_database_url
from tests.integration.gateway.conftest import Neighbours


async def test_the_sockets_of_the_gateway_detect_a_silent_host(neighbours: Neighbours) -> None:
    server = read_database_url(neighbours.database_url)
    if server.hosts[0][0].startswith("/"):
        pytest.skip("this server has no TCP")

    connection = await AsyncConnector(server, application="test")()
    opened = connection._transport.get_extra_info("socket")
    found = {name: opened.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in TCP_OPTIONS}
    alive = opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    await connection.close()

    assert found == TCP_OPTIONS
    assert alive
