"""Server reflection, for whoever may call anything at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
from grpc_reflection.v1alpha.reflection import SERVICE_NAME, aio

from pc_worker.gateway.access import Access
from pc_worker.gateway.statuses import call_edge

__all__ = ["SERVICE_NAME", "GuardedReflection"]


class GuardedReflection(aio.ReflectionServicer):  # type: ignore[misc] # grpc publishes no types
    """Answers only calls with a good token, where tokens are set."""

    def __init__(self, services: tuple[str, ...], access: Access) -> None:
        super().__init__(services)
        self._access = access

    async def ServerReflectionInfo(
        self, request_iterator: AsyncIterator[Any], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[Any]:
        """Describe the services."""
        async with call_edge(context, "ServerReflectionInfo"):
            self._access.check(context.invocation_metadata(), None)
            async for answer in super().ServerReflectionInfo(request_iterator, context):
                yield answer
