"""Admission of every call: authentication, quota, the deadline of the first message, and a status at the end.

gRPC calls the handler of a unary call only after the request has arrived, and waits for that without limit. So every
call is registered as a stream, which is the same on the wire: its quota and deadline apply from its first header on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc
import grpc.aio

from pc_worker.access import EVERYTHING, Grant
from pc_worker.errors import DeadlineExceeded, InvalidRequest
from pc_worker.gateway.auth import Access
from pc_worker.gateway.limits.quota import Caller, Quota, host_of
from pc_worker.gateway.status import call_edge
from pc_worker.tracing import span, untraced


@dataclass(frozen=True, slots=True)
class AdmittedCall:
    """A call that was admitted, and its first message."""

    first: bytes
    context: grpc.aio.ServicerContext
    caller: Caller
    grant: Grant


#: Answers a call.
Serve = Callable[[AdmittedCall], Awaitable[None]]


class Admission:
    """Admits calls; ``first_message_s``: seconds until a call must have sent its first message."""

    def __init__(self, access: Access, *, first_message_s: float) -> None:
        self._access, self._first_message_s = access, first_message_s

    def handler(self, method: str, serve: Serve, quota: Quota, *, known: bool = True) -> grpc.RpcMethodHandler:
        """Return gRPC's handler of a method, which reads and writes serialised messages.

        Args:
            method: Its name, for the log.
            serve: Answers a call.
            quota: The quota that the call counts against.
            known: Whether the call needs a token if tokens are configured.
        """

        async def answer(_requests: object, context: grpc.aio.ServicerContext) -> None:
            traced = span(method, {"rpc.system": "grpc"}, kind="server", parent=lambda: text_metadata(context))
            with traced if known else untraced():  # health checks and reflection need no token
                await self._answer(context, method, serve, quota, known=known)

        return grpc.stream_stream_rpc_method_handler(answer)

    async def _answer(
        self, context: grpc.aio.ServicerContext, method: str, serve: Serve, quota: Quota, *, known: bool
    ) -> None:
        async with call_edge(context, method):
            grant = self._access.grant(context.invocation_metadata()) if known else EVERYTHING
            caller = Caller(host_of(context.peer()), grant.token)
            with quota.take(caller):
                await serve(AdmittedCall(await self._first_message(context), context, caller, grant))

    async def _first_message(self, context: grpc.aio.ServicerContext) -> bytes:
        try:
            async with asyncio.timeout(self._first_message_s):
                first = await context.read()
        except TimeoutError as exc:
            raise DeadlineExceeded(f"the call sent no message for {self._first_message_s:g} s after its start") from exc
        if not isinstance(first, bytes):
            raise InvalidRequest("the call ended before its first message")
        return first


def text_metadata(context: grpc.aio.ServicerContext) -> dict[str, str]:
    """Return the metadata of a call that is text, by lower-case name."""
    return {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}
