"""The edge of every gRPC call: its errors become a status and one sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc
import grpc.aio
import structlog

from pc_worker.errors import (
    PcWorkerError,
)

log = structlog.get_logger()

INTERNAL_ERROR = (
    "the gateway met an error of its own, which is in its log: try again, and tell its operator if it stays"
)
#: Characters; details travel as a header, and many clients take no more than 8 KiB of those.
MOST_DETAILS = 1000


def status_of(error: PcWorkerError) -> grpc.StatusCode:
    """Return the status that tells a client what to do about ``error``."""
    status: grpc.StatusCode = grpc.StatusCode[error.grpc_status]
    return status


@asynccontextmanager
async def call_edge(context: grpc.aio.ServicerContext, method: str) -> AsyncIterator[None]:
    """Turn every error into a status with one sentence; a client that has gone away needs none."""
    try:
        yield
    except PcWorkerError as exc:
        log.info("call_refused", method=method, peer=context.peer(), status=status_of(exc).name, error=str(exc))
        await _abort(context, status_of(exc), str(exc))
    except grpc.aio.AbortError:
        raise  # it has its status
    except grpc.aio.BaseError:
        # What a read or write raises once the peer has reset the stream. Should it be there after all, an OK would tell
        # it that it has everything.
        log.info("client_went_away", method=method, peer=context.peer())
        await _abort(context, grpc.StatusCode.UNAVAILABLE, "the stream broke off: resume after the last row")
    except Exception as exc:
        log.error("call_failed", method=method, peer=context.peer(), error=str(exc), exc_info=exc)
        await _abort(context, grpc.StatusCode.INTERNAL, INTERNAL_ERROR)


async def _abort(context: grpc.aio.ServicerContext, status: grpc.StatusCode, sentence: str) -> None:
    # What raises here, but the abort itself, says that nobody is there to hear the status.
    with suppress(grpc.aio.InternalError, grpc.aio.UsageError):
        await context.abort(status, _one_line(sentence))


def _one_line(sentence: str) -> str:
    return " ".join(sentence.split())[:MOST_DETAILS].encode("utf-8", "replace").decode()
