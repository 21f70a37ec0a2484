"""Server reflection, for clients that have a token where tokens are required."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import SERVICE_NAME, aio

from pc_worker.errors import InvalidRequest
from pc_worker.gateway.limits.admission import AdmittedCall

__all__ = ["SERVICE_NAME", "Reflection"]


class Reflection:
    """Describes the services. The answers are gRPC's own; the messages are read and written serialised."""

    def __init__(self, services: tuple[str, ...]) -> None:
        self._servicer = aio.ReflectionServicer(services)

    async def serve(self, call: AdmittedCall) -> None:
        """Answer until the client ends the call.

        Raises:
            InvalidRequest: If a message is not a ServerReflectionRequest.
        """
        async for answer in self._servicer.ServerReflectionInfo(_requests(call), call.context):
            await call.context.write(answer.SerializeToString())


async def _requests(call: AdmittedCall) -> AsyncIterator[Any]:
    raw: object = call.first
    while isinstance(raw, bytes):
        try:
            yield reflection_pb2.ServerReflectionRequest.FromString(raw)
        except DecodeError as exc:
            raise InvalidRequest("the message is not a ServerReflectionRequest") from exc
        raw = await call.context.read()
