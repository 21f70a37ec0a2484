"""What is refused is refused with a status and logged once, and a stream that was open meanwhile is not disturbed."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from pc_worker.wire.generated import embedding_stream_pb2 as pb
from tests.integration.gateway.client import SERVICE, call, finish
from tests.integration.gateway.conftest import Neighbours, config_for
from tests.integration.gateway.gateway_process import gateway_process
from tests.integration.gateway.test_abuse import GARBAGE
from tests.support.certificates import make_certificates

CODE = grpc.StatusCode
TOKEN = [("authorization", "Bearer right")]
WRONG = [("authorization", "Bearer wrong")]
#: Lines that no call of ours explains: the start, the database's.
OTHER_LINES = 5
STRANGERS = 200


async def test_every_rejected_call_is_logged_once_and_disturbs_no_other(neighbours: Neighbours, tmp_path: Path) -> None:
    log = neighbours.log("law")
    for start in range(0, 600, 100):
        log.write(range(start, start + 100), text_bytes=30_000)
    paths = make_certificates(tmp_path)
    config = config_for(neighbours, tls_cert=paths["server.pem"], tls_key=paths["server.key"], token="right")
    credentials = grpc.ssl_channel_credentials(paths["ca.pem"].read_bytes())

    with (tmp_path / "gateway.log").open("wb") as output, gateway_process(config, log=output) as (_, address):
        async with (
            grpc.aio.secure_channel(address, credentials) as good,
            grpc.aio.secure_channel(address, credentials) as bad,
            grpc.aio.insecure_channel(address) as plain,
        ):
            reading = call(good, pb.StreamEmbeddingRequest(domain="law", chunk_size=10), metadata=TOKEN)
            await reading.read()
            with strangers(address):
                codes = [
                    await refusal(bad, "StreamEmbedding", WRONG, b"\x0a\x03law"),
                    await refusal(bad, "StreamEmbedding", [], b"\x0a\x03law"),
                    await refusal(bad, "StreamEmbedding", TOKEN, b"\xff\xff\xff"),
                    await refusal(bad, "StreamEmbedding", TOKEN, b"\x0a" + b"x" * 2_000_000),
                    await refusal(bad, "StreamEmbedding", [("x-long", "y" * 100_000)], b""),
                    await refusal(bad, "NoSuchCall", TOKEN, b""),
                    await refusal(plain, "StreamEmbedding", TOKEN, b"\x0a\x03law"),
                ]
                rest = await finish(reading)
                again = await finish(call(good, pb.StreamEmbeddingRequest(domain="law"), metadata=TOKEN))

    lines = (tmp_path / "gateway.log").read_text().splitlines()
    refused = Counter(event["status"] for event in events(lines) if event["event"] == "call_refused")
    assert codes == [
        CODE.UNAUTHENTICATED,
        CODE.UNAUTHENTICATED,
        CODE.INVALID_ARGUMENT,
        CODE.RESOURCE_EXHAUSTED,
        CODE.RESOURCE_EXHAUSTED,
        CODE.UNIMPLEMENTED,
        CODE.UNAVAILABLE,
    ]
    # Metadata that is too long does not reach us, so its token is missing; a request that is too long is as none.
    assert refused == {"UNAUTHENTICATED": 3, "INVALID_ARGUMENT": 2}
    assert (rest.code, rest.trailers["pcw-rows"], again.rows) == (CODE.OK, "600", log.rows)
    assert len(lines) <= STRANGERS + len(codes) + OTHER_LINES, Counter(line[40:100] for line in lines)


@contextmanager
def strangers(address: str) -> Iterator[None]:
    """Yield connections that send something else, or nothing."""
    host, _, port = address.rpartition(":")
    with ExitStack() as stack:
        for number in range(STRANGERS):
            stranger = stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
            if number % 5:
                stranger.sendall(GARBAGE[number % len(GARBAGE)])
        yield


async def refusal(
    channel: grpc.aio.Channel, method: str, metadata: Sequence[tuple[str, str]], request: bytes
) -> grpc.StatusCode:
    try:
        await channel.unary_stream(f"{SERVICE}/{method}")(request, metadata=tuple(metadata)).read()
    except grpc.aio.AioRpcError as exc:
        return exc.code()
    return CODE.OK


def events(lines: list[str]) -> list[dict[str, Any]]:
    """Return our own lines; gRPC writes its in another form."""
    return [json.loads(line) for line in lines if line.startswith("{")]
