"""Search, as on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi.responses import JSONResponse

from pc_worker.http.requests.bodies import api_router
from pc_worker.http.requests.connections import ENDS_WITH_CLIENT
from pc_worker.http.requests.context import AppContext, Context
from pc_worker.http.requests.limits import searching
from pc_worker.http.requests.roles import HttpCaller, Reader
from pc_worker.services.dependencies import Services
from pc_worker.services.search.reply import SearchResult
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search

router = api_router(tag="search")
T = TypeVar("T")

#: A model reads each hit again.
RERANK_COST = 10
#: Only described, not validated: the service makes the document, and a search is frequent.
DESCRIBED: dict[int | str, dict[str, Any]] = {
    200: {"description": "The hits, best first.", "model": SearchResult},
}


@router.post(
    "/v1/search",
    summary="Search a domain",
    responses=DESCRIBED,
    response_class=JSONResponse,
    dependencies=[ENDS_WITH_CLIENT],
)
async def search_domain(caller: Reader, context: Context, request: SearchRequest) -> JSONResponse:
    """Return the ranked hits of a query, or the rows most like a given one (`like`), with scores and best passages."""
    return await _within_limits(
        caller,
        context,
        request,
        lambda s: JSONResponse(search(s.database, request, encoder=s.encoder, reranker=s.reranker).to_dict()),
    )


async def searched(caller: HttpCaller, context: AppContext, request: SearchRequest) -> SearchResult:
    """Return the result of a search.

    Raises:
        NotFound: If the domain does not exist, or the caller may not know it.
        RateLimited: If the caller searched too much within this minute.
        PcWorkerError: What the service raises.
    """
    return await _within_limits(
        caller,
        context,
        request,
        lambda s: search(s.database, request, encoder=s.encoder, reranker=s.reranker),
    )


async def _within_limits(
    caller: HttpCaller, context: AppContext, request: SearchRequest, work: Callable[[Services], T]
) -> T:
    """Return the result of ``work``, which searches: it runs in the thread of the search, with all that it makes."""
    caller.check(request.domain)
    async with searching(context.limiter, context.quotas, caller.quota, cost=cost_of(request)) as calls:
        return await context.searches.run(work, calls=calls)


def cost_of(request: SearchRequest) -> int:
    """Return what a search costs of the limit of one minute."""
    ranked = (request.k + request.offset) // 100
    return 1 + ranked + bool(request.feedback) + request.explain + RERANK_COST * request.rerank
