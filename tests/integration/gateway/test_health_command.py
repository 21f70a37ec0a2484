"""`health` asks the gateway as it listens: plain, behind TLS of any name, and where clients show certificates."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pc_worker.cli.commands.stream import channel
from pc_worker.cli.serving import gateway_serves
from pc_worker.settings import Settings
from tests.integration.gateway.conftest import Neighbours, config_for, running_gateway, until
from tests.support.certificates import make_certificates

SELF_SIGNED = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=gw -keyout own.key -out own.pem -addext"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    make_certificates(folder)
    own = ["openssl", *SELF_SIGNED.split(), "subjectAltName=DNS:*.gateway.example"]
    subprocess.run(own, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(
    ("pair", "authority"),
    [("", ""), ("own", ""), ("server", ""), ("server", "ca"), ("own", "ca")],
    ids=["plain", "self-signed", "signed", "client certificates", "client certificates of others"],
)
async def test_a_serving_gateway_is_reported(neighbours: Neighbours, folder: Path, pair: str, authority: str) -> None:
    files: dict[str, Any] = {}
    if pair:
        files = {"tls_cert": folder / f"{pair}.pem", "tls_key": folder / f"{pair}.key"}
    if authority:
        files["tls_client_ca"] = folder / f"{authority}.pem"
    async with running_gateway(config_for(neighbours, **files)) as address:
        settings = Settings(home=folder, **files)
        everywhere = address.replace("127.0.0.1", "0.0.0.0")

        async def serves() -> bool:
            return await asyncio.to_thread(gateway_serves, everywhere, settings)

        await until(serves)

    assert not await asyncio.to_thread(gateway_serves, address, settings)


@pytest.mark.parametrize(
    ("pair", "authority"), [("", ""), ("own", ""), ("server", ""), ("server", "ca")], ids=["plain", "own", "ca", "mTLS"]
)
async def test_a_stream_reaches_our_own_gateway_whatever_its_certificate_is_for(
    neighbours: Neighbours, folder: Path, pair: str, authority: str
) -> None:
    files: dict[str, Any] = {}
    if pair:
        files = {"tls_cert": folder / f"{pair}.pem", "tls_key": folder / f"{pair}.key"}
    if authority:
        files["tls_client_ca"] = folder / f"{authority}.pem"
    async with running_gateway(config_for(neighbours, **files)) as address:
        settings = Settings(home=folder, gateway_address=address.replace("127.0.0.1", "0.0.0.0"), **files)

        def answers() -> bool:
            with channel(settings, None) as connection:
                reply = health_pb2_grpc.HealthStub(connection).Check(health_pb2.HealthCheckRequest(), timeout=10)
            return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)

        async def serves() -> bool:
            return await asyncio.to_thread(answers)

        await until(serves)


async def test_a_gateway_with_another_certificate_is_not_taken_for_our_own(
    neighbours: Neighbours, folder: Path
) -> None:
    other: dict[str, Any] = {"tls_cert": folder / "client.pem", "tls_key": folder / "client.key"}
    async with running_gateway(config_for(neighbours, **other)) as address:
        settings = Settings(
            home=folder, gateway_address=address, tls_cert=folder / "own.pem", tls_key=folder / "own.key"
        )

        def ask() -> None:
            with channel(settings, None) as connection:
                health_pb2_grpc.HealthStub(connection).Check(health_pb2.HealthCheckRequest(), timeout=10)

        with pytest.raises(grpc.RpcError, match="UNAVAILABLE"):
            await asyncio.to_thread(ask)


async def test_a_gateway_without_its_database_does_not_serve(folder: Path, neighbours: Neighbours) -> None:
    files: dict[str, Any] = {"tls_cert": folder / "own.pem", "tls_key": folder / "own.key"}
    away = config_for(neighbours, database_url="postgresql://u@127.0.0.1:1/none", **files)
    async with running_gateway(away) as address:
        assert not await asyncio.to_thread(gateway_serves, address, Settings(home=folder, **files))
