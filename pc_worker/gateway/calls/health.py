"""`grpc.health.v1.Health`: whether the gateway serves. It needs no token."""

from __future__ import annotations

import asyncio

from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from pc_worker.errors import InvalidRequest, NotFound
from pc_worker.gateway.limits.admission import AdmittedCall

SERVICE_NAME = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
SERVING, NOT_SERVING, SERVICE_UNKNOWN = (
    health_pb2.HealthCheckResponse.ServingStatus.Value(name) for name in ("SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
)


class Health:
    """One state for all of ``services``. Each watcher has its own event, so one that does not read delays no other."""

    def __init__(self, services: tuple[str, ...]) -> None:
        self._services = frozenset(services) | {""}
        self._serving = False
        self._ended = False
        self._watchers: set[asyncio.Event] = set()

    def set(self, serving: bool) -> None:
        """Set whether the gateway serves; no effect after ``end``."""
        self._serving = serving and not self._ended
        for watcher in self._watchers:
            watcher.set()

    def end(self) -> None:
        """Set that the gateway stops and does not serve again."""
        self._ended = True
        self.set(False)

    async def check(self, call: AdmittedCall) -> None:
        """Answer once.

        Raises:
            InvalidRequest: If the request is not a HealthCheckRequest.
            NotFound: If there is no such service.
        """
        service = _service(call)
        if service not in self._services:
            raise NotFound(f"there is no service {service[:80]!r}")
        await self._write(call, self._status(service))

    async def watch(self, call: AdmittedCall) -> None:
        """Answer now and at every change, until the client ends the call.

        Raises:
            InvalidRequest: If the request is not a HealthCheckRequest.
        """
        service, sent, changed = _service(call), None, asyncio.Event()
        self._watchers.add(changed)
        try:
            while True:
                changed.clear()
                if (status := self._status(service)) != sent:
                    await self._write(call, status)
                    sent = status
                await changed.wait()
        finally:
            self._watchers.discard(changed)

    def _status(self, service: str) -> int:
        if service not in self._services:
            return int(SERVICE_UNKNOWN)
        return int(SERVING if self._serving else NOT_SERVING)

    async def _write(self, call: AdmittedCall, status: int) -> None:
        await call.context.write(health_pb2.HealthCheckResponse(status=status).SerializeToString())


def _service(call: AdmittedCall) -> str:
    try:
        return str(health_pb2.HealthCheckRequest.FromString(call.first).service)
    except DecodeError as exc:
        raise InvalidRequest("the request is not a HealthCheckRequest") from exc
