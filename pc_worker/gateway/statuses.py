"""The one table from errors to gRPC statuses, and the edge at which a call's errors become one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc
import grpc.aio
import structlog

from pc_worker.errors import (
    Conflict,
    ContractBroken,
    InputRefused,
    InvalidRequest,
    NotFound,
    NotServable,
    PcWorkerError,
    Unavailable,
)
from pc_worker.gateway.access import Forbidden, Unauthenticated

log = structlog.get_logger()


class TooManyStreams(PcWorkerError):
    """As many streams as the gateway serves are open: try again when one has ended."""


class NotAcknowledged(PcWorkerError):
    """A consumer read but did not acknowledge anything for too long."""


#: The first class that fits counts, so subclasses stand before their bases.
STATUSES: tuple[tuple[type[PcWorkerError], grpc.StatusCode], ...] = (
    (Unauthenticated, grpc.StatusCode.UNAUTHENTICATED),
    (Forbidden, grpc.StatusCode.PERMISSION_DENIED),
    (TooManyStreams, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (NotAcknowledged, grpc.StatusCode.DEADLINE_EXCEEDED),
    (Conflict, grpc.StatusCode.ABORTED),
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (NotServable, grpc.StatusCode.FAILED_PRECONDITION),
    (InvalidRequest, grpc.StatusCode.INVALID_ARGUMENT),
    (InputRefused, grpc.StatusCode.INVALID_ARGUMENT),
    (Unavailable, grpc.StatusCode.UNAVAILABLE),
    (ContractBroken, grpc.StatusCode.FAILED_PRECONDITION),
    (PcWorkerError, grpc.StatusCode.INTERNAL),
)


def status_of(error: PcWorkerError) -> grpc.StatusCode:
    """Give the status that tells a client what to do about ``error``."""
    return next(status for kind, status in STATUSES if isinstance(error, kind))


@asynccontextmanager
async def call_edge(context: grpc.aio.ServicerContext, method: str) -> AsyncIterator[None]:
    """Turn an error of ours into its status; a client that has gone away needs none."""
    try:
        yield
    except PcWorkerError as exc:
        log.info("call_refused", method=method, peer=context.peer(), status=status_of(exc).name, error=str(exc))
        await context.abort(status_of(exc), str(exc))
    except grpc.aio.InternalError:
        # What a write raises once the peer has reset the stream. Should it be there after all, an OK would tell it that
        # it has everything.
        log.info("client_went_away", method=method, peer=context.peer())
        with suppress(grpc.aio.InternalError):
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the stream broke off: resume after the last row")
