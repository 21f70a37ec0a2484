"""Dify's external knowledge: a domain as a knowledge base."""

from __future__ import annotations

from pc_worker.http.requests.connections import ENDS_WITH_CLIENT
from pc_worker.http.requests.context import Context
from pc_worker.http.requests.roles import Reader
from pc_worker.http.routes.search import searched
from pc_worker.http.shapes.dify import RetrievalAnswer, RetrievalRequest, dify_members, records_of, where_of
from pc_worker.http.shapes.shaped_routes import shaped_router
from pc_worker.services.search.request import SearchRequest

router = shaped_router(tag="Dify's shape", members=dify_members)


@router.post("/retrieval", summary="Retrieve knowledge for Dify", dependencies=[ENDS_WITH_CLIENT])
async def retrieve(caller: Reader, context: Context, request: RetrievalRequest) -> RetrievalAnswer:
    """Return the best passages of the domain `knowledge_id`, with scores from 0 to 1."""
    setting = request.retrieval_setting
    wanted = SearchRequest(
        query=request.query,
        domain=request.knowledge_id,
        k=setting.top_k,
        where=where_of(request.metadata_condition),
    )
    return RetrievalAnswer(records=records_of(await searched(caller, context, wanted), setting.score_threshold or 0.0))
