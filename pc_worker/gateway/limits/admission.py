"""The admission that every call comes through: who it is, a place, its first word in time, and one status at its end.

gRPC hands a unary call to its handler only once the request is there, and waits for that without end. So every call is
taken as a stream here, which looks the same on the wire: it counts, and its time runs, from its first header on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc
import grpc.aio

from pc_worker.errors import DeadlineExceeded, InvalidRequest
from pc_worker.gateway.auth import EVERYTHING, Access, Grant
from pc_worker.gateway.limits.quota import Caller, Quota, host_of
from pc_worker.gateway.status import call_edge


@dataclass(frozen=True, slots=True)
class AdmittedCall:
    """A call that has been let in, and its first message."""

    first: bytes
    context: grpc.aio.ServicerContext
    caller: Caller
    grant: Grant


#: Answers a call.
Serve = Callable[[AdmittedCall], Awaitable[None]]


class Admission:
    """Lets calls in; ``first_message_s`` = how long a call may take to say its first word."""

    def __init__(self, access: Access, *, first_message_s: float) -> None:
        self._access, self._first_message_s = access, first_message_s

    def handler(self, method: str, serve: Serve, quota: Quota, *, known: bool = True) -> grpc.RpcMethodHandler:
        """Give gRPC's handler of a method, which takes and gives bytes.

        Args:
            method: Its name, for the log.
            serve: Answers a call.
            places: What the call takes one of.
            known: Whether it needs a token where tokens are given out.
        """

        async def answer(_requests: object, context: grpc.aio.ServicerContext) -> None:
            async with call_edge(context, method):
                grant = self._access.grant(context.invocation_metadata()) if known else EVERYTHING
                caller = Caller(host_of(context.peer()), grant.token)
                with quota.take(caller):
                    await serve(AdmittedCall(await self._first_message(context), context, caller, grant))

        return grpc.stream_stream_rpc_method_handler(answer)

    async def _first_message(self, context: grpc.aio.ServicerContext) -> bytes:
        try:
            async with asyncio.timeout(self._first_message_s):
                first = await context.read()
        except TimeoutError as exc:
            raise DeadlineExceeded(f"the call said nothing for {self._first_message_s:g} s after its start") from exc
        if not isinstance(first, bytes):
            raise InvalidRequest("the call ended before its first message")
        return first
