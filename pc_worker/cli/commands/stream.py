"""``stream``: consume a domain through the gateway, one JSON line a row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click
import grpc

from pc_worker.cli.arguments import LARGEST
from pc_worker.cli.context import one_shot
from pc_worker.cli.output import print_json_line
from pc_worker.embedded import read_addresses
from pc_worker.errors import InvalidRequest, NotFound, PcWorkerError, Unavailable
from pc_worker.settings import Settings
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.generated.embedding_stream_pb2_grpc import EmbeddingStreamServiceStub

ERRORS: dict[grpc.StatusCode, type[PcWorkerError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.UNAUTHENTICATED: InvalidRequest,
    grpc.StatusCode.PERMISSION_DENIED: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
}


#: What cannot be a UUID, and so is meant as a position.
POSITION = re.compile(r"[+-]?[0-9]+")


@click.command("stream")
@click.option("--domain", required=True)
@click.option("--after", help="Resume after this row's UUID, or after this position of the log.")
@click.option("--chunk-size", type=click.IntRange(0, 1000), help="Rows a message, 1 to 1000; default 300.")
@click.option("--limit", type=click.IntRange(min=0), help="Rows at most.")
@click.option("--address", help="HOST:PORT of the gateway; default: the running stack's.")
def stream_command(
    domain: str, after: str | None, chunk_size: int | None, limit: int | None, address: str | None
) -> None:
    """Print every row of a domain's log as JSON Lines: the wire's fields and the row's position."""
    settings = one_shot()
    request = pb.StreamEmbeddingRequest(domain=domain, chunk_size=chunk_size)
    if after is not None and POSITION.fullmatch(after):
        request.after_position = position_of(after)
    elif after is not None:
        request.last_processed_uuid = after
    with channel(settings, address) as connection:
        call = EmbeddingStreamServiceStub(connection).StreamEmbedding(request, metadata=credentials(settings))
        for count, row in enumerate(_rows(call)):
            if count == limit:
                call.cancel()
                break
            print_json_line(row)


def position_of(text: str) -> int:
    """Return a position of the log.

    Raises:
        InvalidRequest: If no log can have it.
    """
    position = int(text)
    if not 0 <= position <= LARGEST:
        raise InvalidRequest(f"--after {text}: a position is 0 to {LARGEST}")
    return position


def channel(settings: Settings, address: str | None) -> grpc.Channel:
    """Open a channel to the gateway: the one named, else the running stack's, else the configured one."""
    running = read_addresses(settings.home)
    target = address or (running.gateway if running else settings.gateway_addresses[0])
    target = target.split(",")[0]
    options = [("grpc.max_receive_message_length", 8 * 1024 * 1024)]
    if settings.tls_cert is not None:
        root = settings.tls_cert.read_bytes()
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(root), options)
    return grpc.insecure_channel(target, options)


def credentials(settings: Settings) -> list[tuple[str, str]]:
    """Return the metadata that carries the configured token."""
    return [("authorization", f"Bearer {settings.token.get_secret_value()}")] if settings.token else []


def _rows(call: Any) -> Iterator[dict[str, Any]]:
    sent = 0
    try:
        for chunk in call:
            rows = getattr(chunk, chunk.WhichOneof("chunk_data")).rows
            for row, position in zip(rows, chunk.positions, strict=True):
                sent += 1
                yield {**_without_position(plain(row)), "position": position}
        promised = dict(call.trailing_metadata()).get("pcw-rows")
    except grpc.RpcError as exc:
        if exc.code() is grpc.StatusCode.CANCELLED:
            return
        raise ERRORS.get(exc.code(), Unavailable)(f"{exc.details() or exc.code().name}") from exc
    if promised != str(sent):
        raise Unavailable(f"the stream ended after {sent} of {promised} rows: run it again")


def _without_position(fields: dict[str, Any]) -> dict[str, Any]:
    """Rename a recruit's own field ``position`` to ``position.1``, as in `rows`: the log's position takes its name."""
    return {"position.1" if name == "position" else name: value for name, value in fields.items()}


def plain(message: Any) -> dict[str, Any]:
    """Return a message's fields by their wire names, unset ones with their defaults."""
    return {field.name: _plain_value(getattr(message, field.name)) for field in message.DESCRIPTOR.fields}


def _plain_value(value: Any) -> Any:
    if isinstance(value, (str, int, float)):
        return value
    return [plain(item) if hasattr(item, "DESCRIPTOR") else item for item in value]
