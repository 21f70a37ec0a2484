"""Search as a task, for callers that speak Celery."""

from __future__ import annotations

from typing import Any

from pc_worker.services.search.search import SearchRequest, parse_where, search_mode
from pc_worker.services.search.search import search as do_search
from tasks.app import PatientTask, app, worker
from tasks.arguments import Search


# Its result is rows: they are for the caller, and neither for the worker's log nor for Flower.
@app.task(name="pc_worker.search", base=PatientTask, arguments=Search, resultrepr_maxsize=1)
def search(asked: Search) -> dict[str, Any]:
    """Give ranked hits, as the command line's `search --json`."""
    conditions = tuple(parse_where(asked.where or ()))
    request = SearchRequest(
        query=asked.query, domain=asked.domain, k=asked.k, mode=search_mode(asked.mode), where=conditions
    )
    return do_search(worker.services.database, request, encoder=worker.services.encoder).to_dict()
