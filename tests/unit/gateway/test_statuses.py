from __future__ import annotations

import grpc
import pytest

from pc_worker import errors
from pc_worker.gateway.access import Forbidden, Unauthenticated
from pc_worker.gateway.statuses import NotAcknowledged, TooManyStreams, status_of


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
