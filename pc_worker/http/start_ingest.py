"""The start of an ingest, for the API and the console alike."""

from __future__ import annotations

from collections.abc import Callable

from pc_worker.http.requests.context import AppContext
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.enqueue import check_request, enqueue
from pc_worker.services.ingest.submit import IngestRequest


def starting(
    context: AppContext, request: IngestRequest, job_id: str, *, is_ours: bool = False
) -> Callable[[Services], None]:
    """Return the work that checks the request, writes the job and sends its message.

    Args:
        context: What all requests share.
        request: The request of the ingest.
        job_id: The job's id.
        is_ours: The path is not the caller's: nothing of it is to be checked.
    """

    def start(services: Services) -> None:
        if not is_ours:
            check_request(services, request)
        context.queue.check()
        enqueue(services, request, job_id, send=context.queue.send)

    return start
