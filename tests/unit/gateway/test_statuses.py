from __future__ import annotations

import grpc
import grpc.aio
import pytest

from pc_worker import errors
from pc_worker.gateway.access import Forbidden, Unauthenticated
from pc_worker.gateway.statuses import NotAcknowledged, TooManyStreams, call_edge, status_of


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.InvalidRequest, "INVALID_ARGUMENT"),
        (errors.NotFound, "NOT_FOUND"),
        (errors.NotServable, "FAILED_PRECONDITION"),
        (errors.InputRefused, "INVALID_ARGUMENT"),
        (errors.Unavailable, "UNAVAILABLE"),
        (errors.ContractBroken, "FAILED_PRECONDITION"),
        (errors.Fenced, "ABORTED"),
        (errors.PcWorkerError, "INTERNAL"),
        (NotAcknowledged, "DEADLINE_EXCEEDED"),
        (Unauthenticated, "UNAUTHENTICATED"),
        (Forbidden, "PERMISSION_DENIED"),
        (TooManyStreams, "RESOURCE_EXHAUSTED"),
    ],
)
def test_every_error_has_the_status_that_tells_what_to_do(kind: type[errors.PcWorkerError], status: str) -> None:
    assert status_of(kind("what")) is grpc.StatusCode[status]


async def test_a_stream_that_breaks_never_ends_well_for_a_client_that_is_still_there() -> None:
    async def broken(_: bytes, context: grpc.aio.ServicerContext) -> None:
        async with call_edge(context, "Broken"):
            await context.write(b"a row")
            raise grpc.aio.InternalError("a write failed")

    server = grpc.aio.server()
    handlers = {"Broken": grpc.unary_stream_rpc_method_handler(broken)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("S", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_stream("/S/Broken")(b"")
        assert await call.read() == b"a row"

        with pytest.raises(grpc.aio.AioRpcError, match="resume"):
            await call.read()

    await server.stop(None)
