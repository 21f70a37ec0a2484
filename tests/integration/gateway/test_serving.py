"""How the gateway listens, whom it lets in, and how it ends."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from pc_worker.access import Grant, tokens
from pc_worker.cli.running import STOP_GRACE_S
from pc_worker.errors import InvalidRequest, NotFound, Unavailable
from pc_worker.store.search.cancel import Stop
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.generated import embedding_stream_pb2_grpc as pb_grpc
from tests.integration.gateway.client import call, finish, stream
from tests.integration.gateway.conftest import Neighbours, config_for, running_gateway, until
from tests.integration.gateway.gateway_process import gateway_process
from tests.support.certificates import make_certificates

WIDE = 30_000
SERVING = health_pb2.HealthCheckResponse.SERVING
TOKENS = {hashlib.sha256(b"narrow").hexdigest(): Grant(None, frozenset({"recruit"}))}
BEARER = [("authorization", "Bearer narrow")]


async def test_a_taken_port_is_one_clear_error(neighbours: Neighbours) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"

        with pytest.raises(Unavailable, match=f"^{address} is taken: .*PC_WORKER_GATEWAY_ADDRESS"):
            async with running_gateway(config_for(neighbours, addresses=(address,))):
                pass


async def test_two_gateways_do_not_share_a_port(neighbours: Neighbours, gateway: str) -> None:
    with pytest.raises(Unavailable, match="is taken"):
        async with running_gateway(config_for(neighbours, addresses=(gateway,))):
            pass


async def test_an_address_of_another_machine_is_one_clear_error(neighbours: Neighbours) -> None:
    config = config_for(neighbours, addresses=("192.0.2.1:0",), insecure=True)

    with pytest.raises(Unavailable, match=r"cannot listen on 192\.0\.2\.1:0"):
        async with running_gateway(config):
            pass


@pytest.mark.parametrize("changes", [{}, {"token": "t"}])
async def test_beyond_loopback_needs_tls_and_credentials(neighbours: Neighbours, changes: dict[str, Any]) -> None:
    config = config_for(neighbours, addresses=("0.0.0.0:0",), **changes)

    with pytest.raises(InvalidRequest, match="PC_WORKER_INSECURE=1"):
        async with running_gateway(config):
            pass


async def test_insecure_listens_anywhere(neighbours: Neighbours) -> None:
    async with running_gateway(config_for(neighbours, addresses=("0.0.0.0:0",), insecure=True)) as address:
        received = await stream(address.replace("0.0.0.0", "127.0.0.1"), domain="recruit")

    assert received.code == grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("metadata", "domain", "code"),
    [
        pytest.param(BEARER, "recruit", grpc.StatusCode.OK, id="its domain"),
        pytest.param(BEARER, "law", grpc.StatusCode.PERMISSION_DENIED, id="another domain"),
        pytest.param([], "recruit", grpc.StatusCode.UNAUTHENTICATED, id="no token"),
        pytest.param([("authorization", "Bearer x")], "recruit", grpc.StatusCode.UNAUTHENTICATED, id="wrong token"),
        pytest.param([("authorization", "Bearer wide")], "candidate", grpc.StatusCode.OK, id="token of all"),
    ],
)
async def test_a_token_opens_the_domains_it_names(
    neighbours: Neighbours, metadata: list[tuple[str, str]], domain: str, code: grpc.StatusCode
) -> None:
    async with running_gateway(config_for(neighbours, token="wide", tokens=TOKENS)) as address:
        received = await stream(address, metadata=metadata, domain=domain)

    assert received.code == code


async def test_a_token_that_is_taken_out_of_the_file_is_refused_while_serving(
    neighbours: Neighbours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "CHECK_EVERY_S", 0)
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps({key: ["recruit"] for key in TOKENS}))
    async with running_gateway(config_for(neighbours, tokens_file=path)) as address:
        before = await stream(address, metadata=BEARER, domain="recruit")
        path.write_text("{}")
        after = await stream(address, metadata=BEARER, domain="recruit")

    assert (before.code, after.code) == (grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED)


async def test_health_is_open_and_reflection_is_not(neighbours: Neighbours) -> None:
    async with (
        running_gateway(config_for(neighbours, tokens=TOKENS)) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        await until(lambda: _serving(health, ""))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await _services(channel, ())
        services = await _services(channel, BEARER)

    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert "com.alpha.backend.grpc.EmbeddingStreamService" in services


async def _serving(health: Any, service: str) -> bool:
    answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
    return bool(answer.status == SERVING)


async def _services(channel: grpc.aio.Channel, metadata: Any) -> list[str]:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answers = [answer async for answer in stub.ServerReflectionInfo(iter([request]), metadata=metadata)]
    return [service.name for service in answers[0].list_services_response.service]


async def test_tls_and_client_certificates(neighbours: Neighbours, tmp_path: Path) -> None:
    paths = make_certificates(tmp_path)
    files = {"tls_cert": paths["server.pem"], "tls_key": paths["server.key"], "tls_client_ca": paths["ca.pem"]}
    ca, key, cert = (paths[name].read_bytes() for name in ("ca.pem", "client.key", "client.pem"))

    async with running_gateway(config_for(neighbours, addresses=("0.0.0.0:0",), **files)) as address:
        address = address.replace("0.0.0.0", "127.0.0.1")
        known = await _over_tls(address, grpc.ssl_channel_credentials(ca, key, cert))
        unknown = await _over_tls(address, grpc.ssl_channel_credentials(ca))
        plain = await stream(address, domain="recruit")

    unavailable = grpc.StatusCode.UNAVAILABLE
    assert [known, unknown, plain.code] == [grpc.StatusCode.OK, unavailable, unavailable]


async def _over_tls(address: str, credentials: grpc.ChannelCredentials) -> grpc.StatusCode:
    async with grpc.aio.secure_channel(address, credentials) as channel:
        received = await finish(call(channel, pb.StreamEmbeddingRequest(domain="recruit")))
    return received.code


async def test_invalid_tls_files_are_rejected_by_name(neighbours: Neighbours, tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("nonsense")
    config = config_for(neighbours, tls_cert=tmp_path / "c.pem", tls_key=tmp_path / "k.pem")

    with pytest.raises(InvalidRequest, match=r"PC_WORKER_TLS_KEY: cannot read .*k\.pem"):
        async with running_gateway(config):
            pass

    (tmp_path / "k.pem").write_text("nonsense")
    with pytest.raises(InvalidRequest, match=r"PC_WORKER_TLS_CERT .*c\.pem"):
        async with running_gateway(config):
            pass


async def test_too_many_streams_are_rejected_and_the_others_continue(neighbours: Neighbours) -> None:
    log = neighbours.log("law")
    for start in range(0, 1000, 100):
        log.write(range(start, start + 100), text_bytes=WIDE)

    async with (
        running_gateway(config_for(neighbours, max_streams=1)) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        first = call(channel, pb.StreamEmbeddingRequest(domain="law"))
        await first.read()
        second = await stream(address, domain="law")
        rest = await finish(first)

    assert second.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert rest.trailers["pcw-rows"] == "1000"


async def test_a_client_that_takes_nothing_for_too_long_is_let_go(neighbours: Neighbours) -> None:
    log = neighbours.log("law")
    for start in range(0, 1000, 100):
        log.write(range(start, start + 100), text_bytes=WIDE)

    async with (
        running_gateway(config_for(neighbours, max_streams=1, stall_s=0.3)) as address,
        # On a busy machine the window of a client that does not read grows until it holds the whole log.
        grpc.aio.insecure_channel(address, options=[("grpc.http2.bdp_probe", 0)]) as channel,
    ):
        frozen = call(channel, pb.StreamEmbeddingRequest(domain="law"))
        await frozen.read()

        await until(lambda: _free(address))
        rest = await finish(frozen)

    assert rest.code == grpc.StatusCode.UNAVAILABLE


async def test_search_answers_as_the_search_service_does(neighbours: Neighbours) -> None:
    requests: list[Mapping[str, Any]] = []

    def search(asked: Mapping[str, Any], *, stop: Stop) -> Mapping[str, Any]:
        requests.append(asked)
        if "like" in asked:
            raise NotFound("no such row")
        hit: dict[str, Any] = {"id": "a", "score": 0.5, "vector_score": None, "text_score": 0.0, "payload": {"n": None}}
        hit |= {"passage": {"text": "tea", "start": 2, "end": 5}, "explain": {"fused": 0.5}}
        found = {"query": asked["query"], "domain": "law", "mode": "text", "took_ms": 1.5, "hits": [hit]}
        return found | {"rerank": {"applied": False, "model": None, "reason": "away"}}

    async with (
        running_gateway(config_for(neighbours), search=search) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub = pb_grpc.EmbeddingStreamServiceStub(channel)
        answer = await stub.Search(pb.SearchRequest(query="q", domain="law", where=["a=b"]))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Search(pb.SearchRequest(domain="law", like="x", k=3, mode="vector"))

    assert (answer.mode, answer.took_ms, answer.hits[0].payload_json) == ("text", 1.5, '{"n":null}')
    assert (answer.hits[0].HasField("vector_score"), answer.hits[0].HasField("text_score")) == (False, True)
    passage, rerank = answer.hits[0].passage, answer.rerank
    assert (passage.text, passage.start, passage.end) == ("tea", 2, 5)
    assert (answer.hits[0].explain_json, rerank.applied, rerank.reason) == ('{"fused":0.5}', False, "away")
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    assert requests == [
        {"query": "q", "domain": "law", "where": ["a=b"]},
        {"domain": "law", "k": 3, "mode": "vector", "like": "x"},
    ]


async def test_sigterm_ends_it_with_0_and_open_streams_learn_where_to_resume(neighbours: Neighbours) -> None:
    """One stream's client does not read at all, another's does."""
    log = neighbours.log("law")
    for start in range(0, 1000, 100):
        log.write(range(start, start + 100), text_bytes=WIDE)

    with gateway_process(config_for(neighbours, drain_s=0.0)) as (process, address):
        async with grpc.aio.insecure_channel(address) as channel, grpc.aio.insecure_channel(address) as other:
            frozen = call(other, pb.StreamEmbeddingRequest(domain="law", chunk_size=100))
            reading = call(channel, pb.StreamEmbeddingRequest(domain="law", chunk_size=10))
            await frozen.read()
            await reading.read()
            watching = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            statuses = [(await watching.read()).status]

            process.send_signal(signal.SIGTERM)
            while statuses[-1] == SERVING:
                statuses.append((await watching.read()).status)
            rest = await finish(reading)
            code = await asyncio.to_thread(process.wait, STOP_GRACE_S)
            await finish(frozen)

    assert code == 0
    assert rest.code == grpc.StatusCode.UNAVAILABLE
    assert f"resume after position {rest.rows[-1].position}" in rest.details


@pytest.mark.slow
async def test_a_frozen_peer_is_noticed_within_fifteen_seconds(neighbours: Neighbours) -> None:
    """A client process that is stopped answers no ping; its stream must be gone."""
    log = neighbours.log("law")
    for start in range(0, 1000, 100):
        log.write(range(start, start + 100), text_bytes=WIDE)

    async with running_gateway(config_for(neighbours, max_streams=1)) as address:
        client = await asyncio.create_subprocess_exec(
            *_frozen_client(address), stdout=asyncio.subprocess.PIPE, env={"PATH": "/usr/bin:/bin"}
        )
        assert client.stdout is not None
        await client.stdout.readline()
        client.send_signal(signal.SIGSTOP)
        try:
            async with asyncio.timeout(60):
                await until(lambda: _free(address))
        finally:
            client.kill()
            await client.wait()


async def _free(address: str) -> bool:
    received = await stream(address, domain="recruit")
    return received.code is grpc.StatusCode.OK


def _frozen_client(address: str) -> list[str]:
    code = (
        "import grpc, sys\n"
        f"channel = grpc.insecure_channel({address!r}, options=[('grpc.max_receive_message_length', -1)])\n"
        f"method = channel.unary_stream('/com.alpha.backend.grpc.EmbeddingStreamService/StreamEmbedding')\n"
        f"call = method({pb.StreamEmbeddingRequest(domain='law').SerializeToString()!r})\n"
        "next(call)\n"
        "print('read', flush=True)\n"
        "import time; time.sleep(600)\n"
    )
    return [sys.executable, "-c", code]
