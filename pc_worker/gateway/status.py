"""The edge of every gRPC call: errors become a status and one sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc
import grpc.aio
import structlog

from pc_worker.errors import PcWorkerError

log = structlog.get_logger()

INTERNAL_ERROR = (
    "the gateway met an error of its own, which is in its log: try again, and tell its operator if it stays"
)
#: Trailing metadata of a failed call: the error's `code`. Several errors have one status.
ERROR = "pcw-error"
#: Characters of a status message: it is sent in a header, and many clients accept no more than 8 KiB of headers.
MAX_DETAILS = 1000


def status_of(error: PcWorkerError) -> grpc.StatusCode:
    """Return the status of ``error``, from which a client knows what to do."""
    status: grpc.StatusCode = grpc.StatusCode[error.grpc_status]
    return status


@asynccontextmanager
async def call_edge(context: grpc.aio.ServicerContext, method: str) -> AsyncIterator[None]:
    """Turn every error in the block into a status with one sentence."""
    try:
        yield
    except PcWorkerError as exc:
        log.info("call_refused", method=method, peer=context.peer(), status=status_of(exc).name, error=str(exc))
        await _abort(context, status_of(exc), str(exc), error=exc.code)
    except grpc.aio.AbortError:
        raise  # it has its status
    except grpc.aio.BaseError:
        # A read or write raises this once the client has reset the stream. If the client is there after all, OK would
        # mean that it has every row.
        log.info("client_went_away", method=method, peer=context.peer())
        await _abort(
            context, grpc.StatusCode.UNAVAILABLE, "the stream broke off: resume after the last row", error="unavailable"
        )
    except Exception as exc:
        log.error("call_failed", method=method, peer=context.peer(), error=str(exc), exc_info=exc)
        await _abort(context, grpc.StatusCode.INTERNAL, INTERNAL_ERROR, error=PcWorkerError.code)


async def _abort(context: grpc.aio.ServicerContext, status: grpc.StatusCode, sentence: str, *, error: str) -> None:
    # Other errors than the abort itself mean that no client is there to receive the status.
    with suppress(grpc.aio.InternalError, grpc.aio.UsageError):
        await context.abort(status, _one_line(sentence), ((ERROR, error),))


def _one_line(sentence: str) -> str:
    return " ".join(sentence.split())[:MAX_DETAILS].encode("utf-8", "replace").decode()
