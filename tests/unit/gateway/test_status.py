from __future__ import annotations

from collections.abc import Awaitable, Callable

import grpc
import grpc.aio
import pytest
from structlog.testing import CapturingLogger

from pc_worker import errors
from pc_worker.errors import (
    DatabaseFailed,
    DeadlineExceeded,
    LeaseHeld,
    PermissionDenied,
    QuotaExceeded,
    Unauthenticated,
)
from pc_worker.gateway import status as statuses
from pc_worker.gateway.status import INTERNAL_ERROR, MAX_DETAILS, call_edge, status_of


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.InvalidRequest, "INVALID_ARGUMENT"),
        (errors.NotFound, "NOT_FOUND"),
        (errors.NotServable, "FAILED_PRECONDITION"),
        (errors.SourceRejected, "INVALID_ARGUMENT"),
        (errors.Unavailable, "UNAVAILABLE"),
        (errors.ContractBroken, "FAILED_PRECONDITION"),
        (errors.Fenced, "ABORTED"),
        (errors.PcWorkerError, "INTERNAL"),
        (DeadlineExceeded, "DEADLINE_EXCEEDED"),
        (Unauthenticated, "UNAUTHENTICATED"),
        (PermissionDenied, "PERMISSION_DENIED"),
        (QuotaExceeded, "RESOURCE_EXHAUSTED"),
        (LeaseHeld, "RESOURCE_EXHAUSTED"),
        (DatabaseFailed, "INTERNAL"),
    ],
)
def test_every_error_has_its_status(kind: type[errors.PcWorkerError], status: str) -> None:
    assert status_of(kind("what")) is grpc.StatusCode[status]


async def _serve_one(behaviour: Callable[[bytes, grpc.aio.ServicerContext], Awaitable[None]]) -> grpc.aio.AioRpcError:
    """Serve one call with ``behaviour`` inside the edge; return how it ended."""

    async def edged(raw: bytes, context: grpc.aio.ServicerContext) -> None:
        async with call_edge(context, "Edged"):
            await behaviour(raw, context)

    server = grpc.aio.server()
    handlers = {"Edged": grpc.unary_stream_rpc_method_handler(edged)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("S", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await channel.unary_stream("/S/Edged")(b"").read()
    await server.stop(None)
    return ended.value


@pytest.mark.parametrize(
    "error", [KeyError("x"), RecursionError(), MemoryError(), ValueError("a\nb"), AssertionError()]
)
async def test_an_unexpected_error_is_one_sentence_and_in_the_log(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = CapturingLogger()
    monkeypatch.setattr(statuses, "log", told)

    async def fails(_: bytes, __: grpc.aio.ServicerContext) -> None:
        raise error

    ended = await _serve_one(fails)

    assert (ended.code(), ended.details()) == (grpc.StatusCode.INTERNAL, INTERNAL_ERROR)
    assert [call.args for call in told.calls] == [("call_failed",)]


@pytest.mark.parametrize(("kind", "code"), [(LeaseHeld, "lease_held"), (QuotaExceeded, "quota_exceeded")])
async def test_errors_of_one_status_are_distinct_by_their_code(kind: type[errors.PcWorkerError], code: str) -> None:
    async def refuses(_: bytes, __: grpc.aio.ServicerContext) -> None:
        raise kind("no")

    ended = await _serve_one(refuses)

    assert ("pcw-error", code) in tuple(ended.trailing_metadata() or ())


async def test_any_sentence_reaches_the_client_as_one_short_line() -> None:
    async def refuses(_: bytes, __: grpc.aio.ServicerContext) -> None:
        raise errors.InvalidRequest("no \ud800 \0 such\nthing " + "x" * 100_000)

    ended = await _serve_one(refuses)

    assert ended.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(ended.details() or "") == MAX_DETAILS
    assert "\n" not in (ended.details() or "")


async def test_a_handlers_own_abort_keeps_its_status() -> None:
    async def aborts(_: bytes, context: grpc.aio.ServicerContext) -> None:
        await context.abort(grpc.StatusCode.NOT_FOUND, "not here")

    assert (await _serve_one(aborts)).code() is grpc.StatusCode.NOT_FOUND


async def test_a_broken_stream_never_ends_with_ok_for_a_client_that_is_still_there() -> None:
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
