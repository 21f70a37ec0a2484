"""OpenAI's API for its clients: embeddings, models, and the search of vector stores."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Annotated, Any

from fastapi import Path
from fastapi.responses import Response

from pc_worker.errors import InvalidRequest, ModelNotFound
from pc_worker.http.requests.connections import ENDS_WITH_CLIENT
from pc_worker.http.requests.context import AppContext, Context
from pc_worker.http.requests.limits import searching
from pc_worker.http.requests.roles import HttpCaller, Reader
from pc_worker.http.routes.search import searched
from pc_worker.http.service_threads import Calls, until_ended
from pc_worker.http.shapes.openai import (
    EmbeddingList,
    EmbeddingsRequest,
    ModelCard,
    ModelCards,
    VectorStorePage,
    VectorStoreQuery,
    openai_members,
    page_of,
    rendered,
    where_of,
)
from pc_worker.http.shapes.shaped_routes import shaped_router
from pc_worker.model import Model
from pc_worker.services.declarations import domain_states
from pc_worker.services.dependencies import Services
from pc_worker.services.embeddings import check_request_limits, encode_texts, find_served_model, served_models, slices
from pc_worker.services.search.request import SearchRequest

router = shaped_router(tag="OpenAI's shapes", members=openai_members)

#: What is encoded at once for all requests: half of the cores is left to searches.
ENCODINGS = asyncio.Semaphore(max(1, (os.cpu_count() or 1) // 2))
DESCRIBED: dict[int | str, dict[str, Any]] = {200: {"description": "The vectors.", "model": EmbeddingList}}
#: Models of answers are named by their domain.
ANSWERS = "pcw/"


@router.post("/v1/embeddings", summary="Encode texts", responses=DESCRIBED, dependencies=[ENDS_WITH_CLIENT])
async def create_embeddings(caller: Reader, context: Context, request: EmbeddingsRequest) -> Response:
    """Return the vectors of texts, as rows and queries of a domain are encoded: comparable with the stored ones.

    A text longer than the model's window is cut.
    """
    texts = request.texts
    check_request_limits(texts)
    served = await context.searches.run(lambda s: find_served_model(s, request.model, caller.domains))
    if request.dimensions not in (None, served.model.dimension):
        raise InvalidRequest(f"model {served.id} has {served.model.dimension} dimensions, and no other number")
    parts, items, tokens, first = list(slices(texts)), [], 0, 0
    async with searching(context.limiter, context.quotas, caller.quota, cost=len(parts)) as calls:
        for part in parts:
            text, count = await _encoded(context, served.model, part, first, request, calls)
            items.append(text)
            tokens, first = tokens + count, first + len(part)
    usage = f'{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}'
    head = f'{{"object":"list","model":{json.dumps(served.id)},"usage":{usage},"data":['
    return Response(f"{head}{','.join(items)}]}}", media_type="application/json")


@router.get("/v1/models", summary="List models")
async def list_models(caller: Reader, context: Context) -> ModelCards:
    """Return the models that the token may use: encoders for `/v1/embeddings`, then one for the answers of a domain."""
    return ModelCards(data=[ModelCard(id=model_id) for model_id in await _model_ids(caller, context)])


@router.get("/v1/models/{model:path}", summary="Read a model")
async def read_model(
    caller: Reader, context: Context, model: Annotated[str, Path(max_length=500, description="An id of the list.")]
) -> ModelCard:
    """Return one of the models that the token may use."""
    ids = await _model_ids(caller, context)
    if model not in ids:
        raise ModelNotFound(f"there is no model {model[:80]!r}; there are: {', '.join(ids) or 'none'}")
    return ModelCard(id=model)


@router.post(
    "/v1/vector_stores/{domain}/search",
    summary="Search a domain as a vector store",
    dependencies=[ENDS_WITH_CLIENT],
)
async def search_vector_store(
    caller: Reader,
    context: Context,
    domain: Annotated[str, Path(description="A domain.")],
    query: VectorStoreQuery,
) -> VectorStorePage:
    """Return the best rows of a domain: their best passages, with scores from 0 to 1."""
    wanted = SearchRequest(query=query.text, domain=domain, k=query.most, where=where_of(query.filters))
    return page_of(query, await searched(caller, context, wanted))


async def _encoded(
    context: AppContext, model: Model, texts: Any, first: int, request: EmbeddingsRequest, calls: Calls
) -> tuple[str, int]:
    def encode(services: Services) -> tuple[str, int]:
        found = encode_texts(services, model, texts, as_queries=request.as_queries)
        return rendered(found.vectors, first=first, encoding_format=request.encoding_format), found.tokens

    async with until_ended(ENCODINGS) as encodings:
        try:
            return await context.searches.run(encode, calls=encodings)
        finally:
            calls += encodings


async def _model_ids(caller: HttpCaller, context: AppContext) -> list[str]:
    encoders = await context.services.run(lambda s: served_models(s, caller.domains))
    return [served.id for served in encoders] + await _answering(caller.domains, context)


async def _answering(domains: frozenset[str] | None, context: AppContext) -> list[str]:
    if not context.settings.llm:
        return []
    states = await context.services.run(lambda s: domain_states(s.database))
    return [f"{ANSWERS}{state.domain}" for state in states if domains is None or state.domain in domains]
