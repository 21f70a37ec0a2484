"""Search as a task, for clients that speak Celery."""

from __future__ import annotations

from typing import Any

from pc_worker.services.search.request import SearchRequest, search_mode
from pc_worker.services.search.search import search as do_search
from pc_worker.store.search.filters import parse_where
from tasks.app import RetryingTask, app, worker
from tasks.arguments import Search


# Its result is rows: they are for the caller only, not for the worker's log or Flower.
@app.task(name="pc_worker.search", base=RetryingTask, arguments=Search, resultrepr_maxsize=1)
def search(asked: Search) -> dict[str, Any]:
    """Return ranked hits, as `search --json` on the command line."""
    conditions = tuple(parse_where(asked.where or ()))
    request = SearchRequest(
        query=asked.query, domain=asked.domain, k=asked.k, mode=search_mode(asked.mode), where=conditions
    )
    return do_search(worker.services.database, request, encoder=worker.services.encoder).to_dict()
