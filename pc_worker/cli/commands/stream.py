"""``stream``: consume a domain through the gateway, one JSON line a row."""

from __future__ import annotations

import re
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import click
import grpc

from pc_worker.cli.arguments import LARGEST
from pc_worker.cli.context import one_shot
from pc_worker.cli.options import DOMAIN
from pc_worker.cli.output import json_text
from pc_worker.cli.serving import own_channel, tls_credentials
from pc_worker.embedded import read_addresses
from pc_worker.errors import InvalidRequest, NotFound, PcWorkerError, Unavailable
from pc_worker.model import DEFAULT_CHUNK_ROWS, MAX_CHUNK_ROWS
from pc_worker.settings import Settings, split_address
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.generated.embedding_stream_pb2_grpc import EmbeddingStreamServiceStub

ERRORS: dict[grpc.StatusCode, type[PcWorkerError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.UNAUTHENTICATED: InvalidRequest,
    grpc.StatusCode.PERMISSION_DENIED: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
}

OPTIONS = [("grpc.max_receive_message_length", 8 * 1024 * 1024)]
#: Returns the JSON text of a vector, a repeated field of floats.
WriteVector: TypeAlias = Callable[[Any], str]

#: What cannot be a UUID, and so is meant as a position.
POSITION = re.compile(r"[+-]?[0-9]+")

#: How gRPC's messages begin when no server was reached.
NO_GATEWAY = re.compile("failed to connect to|errors? resolving|DNS resolution failed|UNAVAILABLE")


@click.command("stream")
@DOMAIN
@click.option("--after", help="Resume after this row's UUID, or after this position of the log.")
@click.option(
    "--chunk-size",
    type=click.IntRange(0, MAX_CHUNK_ROWS),
    help=f"Rows a message, 1 to {MAX_CHUNK_ROWS}; default {DEFAULT_CHUNK_ROWS}.",
)
@click.option("--limit", type=click.IntRange(min=0), help="Rows at most.")
@click.option(
    "--vectors",
    type=click.Choice(["numbers", "base64"]),
    default="numbers",
    show_default=True,
    help="Vectors as arrays, or as base64 of their 4-byte little-endian floats, which is several times faster.",
)
@click.option("--address", help="HOST:PORT of the gateway; default: the running stack's.")
def stream_command(
    domain: str, after: str | None, chunk_size: int | None, limit: int | None, vectors: str, address: str | None
) -> None:
    """Print every row of a domain's log as JSON Lines: the wire's fields and its position."""
    settings = one_shot()
    request = pb.StreamEmbeddingRequest(domain=domain, chunk_size=chunk_size)
    if after is not None and POSITION.fullmatch(after):
        request.after_position = position_of(after)
    elif after is not None:
        request.last_processed_uuid = after
    with reaching(settings, address), channel(settings, address) as connection:
        call = EmbeddingStreamServiceStub(connection).StreamEmbedding(request, metadata=credentials(settings))
        for count, line in enumerate(_lines(call, as_base64 if vectors == "base64" else as_numbers)):
            if count == limit:
                call.cancel()
                break
            sys.stdout.write(line + "\n")


def position_of(text: str) -> int:
    """Return a position of the log.

    Raises:
        InvalidRequest: If no log can have it.
    """
    position = int(text)
    if not 0 <= position <= LARGEST:
        raise InvalidRequest(f"--after {text}: a position is 0 to {LARGEST}")
    return position


@contextmanager
def reaching(settings: Settings, address: str | None) -> Iterator[None]:
    """Add to an error that says that no gateway answers what to do about it.

    Raises:
        InvalidRequest: If the address cannot be one.
        Unavailable: If the body raises it.
    """
    if address is not None:
        _check_address(address)
    try:
        yield
    except Unavailable as exc:
        if not NO_GATEWAY.match(str(exc)):
            raise
        if address is not None or read_addresses(settings.home) is not None:
            raise Unavailable(
                f"no gateway answers at {_target(settings, address)}: start it, or name another with --address"
            ) from exc
        raise Unavailable(
            f"no gateway answers at {settings.gateway_addresses[0]}, and nothing runs under {settings.home}: start it "
            "with `up`, or name a gateway with --address"
        ) from exc


def _check_address(address: str) -> None:
    try:
        split_address(address)
    except ValueError as exc:
        raise InvalidRequest(f"--address: {exc}") from exc


def channel(settings: Settings, address: str | None) -> grpc.Channel:
    """Open a channel to the gateway: the one named, else the running stack's, else the configured one."""
    target = _target(settings, address)
    if address is None:
        return own_channel(target, settings, options=OPTIONS)
    if settings.tls_cert is not None:
        return grpc.secure_channel(target, tls_credentials(settings, settings.tls_cert.read_bytes()), OPTIONS)
    return grpc.insecure_channel(target, OPTIONS)


def _target(settings: Settings, address: str | None) -> str:
    running = read_addresses(settings.home)
    target = address or (running.gateway if running else settings.gateway_addresses[0])
    return target.split(",")[0]


def credentials(settings: Settings) -> list[tuple[str, str]]:
    """Return the metadata that carries the configured token."""
    return [("authorization", f"Bearer {settings.token.get_secret_value()}")] if settings.token else []


def _lines(call: Any, vectors: WriteVector) -> Iterator[str]:
    sent = 0
    try:
        for chunk in call:
            rows = getattr(chunk, chunk.WhichOneof("chunk_data")).rows
            for row, position in zip(rows, chunk.positions, strict=True):
                sent += 1
                yield row_line(row, vectors=vectors, position=position)
        promised = dict(call.trailing_metadata()).get("pcw-rows")
    except grpc.RpcError as exc:
        if exc.code() is grpc.StatusCode.CANCELLED:
            return
        raise ERRORS.get(exc.code(), Unavailable)(f"{exc.details() or exc.code().name}") from exc
    if promised != str(sent):
        raise Unavailable(f"the stream ended after {sent} of {promised} rows: run it again")


def row_line(message: Any, *, vectors: WriteVector, position: int | None = None) -> str:
    """Return a message as one JSON object: its fields by their wire names, unset ones with their defaults.

    A recruit's own field ``position`` is named ``position.1``, as in `rows`: the log's position takes its name.
    """
    written = []
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        name = "position.1" if field.name == "position" and position is not None else field.name
        if not field.is_repeated:
            text = json_text(value)
        elif field.type == field.TYPE_MESSAGE:
            text = f"[{', '.join(row_line(item, vectors=vectors) for item in value)}]"
        elif field.type == field.TYPE_FLOAT:
            text = vectors(value)
        else:
            text = json_text(list(value))
        written.append(f'"{name}": {text}')
    if position is not None:
        written.append(f'"position": {position}')
    return f"{{{', '.join(written)}}}"


def as_numbers(vector: Any) -> str:
    """Return a vector as a JSON array."""
    import msgspec

    return msgspec.json.encode(vector[:]).decode()


def as_base64(vector: Any) -> str:
    """Return a vector as base64 of its 4-byte little-endian floats, in quotes."""
    import numpy as np

    return f'"{b64encode(np.array(vector, dtype="<f4").tobytes()).decode()}"'
