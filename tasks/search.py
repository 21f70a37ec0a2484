"""Search as a task, for clients that speak Celery."""

from __future__ import annotations

from typing import Any

from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search as do_search
from tasks.app import RetryingTask, app, worker


# Its result is rows: they are for the caller only, not for the worker's log or Flower.
@app.task(name="pc_worker.search", base=RetryingTask, arguments=SearchRequest, resultrepr_maxsize=1)
def search(request: SearchRequest) -> dict[str, Any]:
    """Return ranked hits, as `search --json` on the command line."""
    services = worker.services
    return do_search(services.database, request, encoder=services.encoder, reranker=services.reranker).to_dict()
