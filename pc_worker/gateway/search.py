"""`Search`: the search service, called in a thread, as a unary call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import grpc.aio
from google.protobuf.message import DecodeError

from pc_worker.errors import InvalidRequest
from pc_worker.gateway.config import SearchFunction
from pc_worker.gateway.parts import Parts
from pc_worker.gateway.statuses import call_edge
from pc_worker.generated import embedding_stream_pb2 as pb

DEFAULT_K = 10


class SearchCall:
    """The handler; takes and gives bytes."""

    def __init__(self, parts: Parts, search: SearchFunction) -> None:
        self._parts, self._search = parts, search

    async def __call__(self, raw: bytes, context: grpc.aio.ServicerContext) -> bytes:
        """Serve one call."""
        answer = b""
        async with call_edge(context, "Search"):
            request = _parse(raw)
            self._parts.access.check(context.invocation_metadata(), request.domain)
            found = await asyncio.to_thread(
                self._search,
                query=request.query,
                domain=request.domain,
                k=request.k or DEFAULT_K,
                mode=request.mode or "hybrid",
                where=tuple(request.where),
                like=request.like or None,
            )
            answer = _response(found).SerializeToString()
        return answer


def _parse(raw: bytes) -> pb.SearchRequest:
    try:
        return pb.SearchRequest.FromString(raw)
    except DecodeError as exc:
        raise InvalidRequest("the request is not a SearchRequest") from exc


def _response(found: Mapping[str, Any]) -> pb.SearchResponse:
    return pb.SearchResponse(
        query=found["query"] or "",
        domain=found["domain"],
        mode=found["mode"],
        took_ms=found["took_ms"],
        hits=[_hit(hit) for hit in found["hits"]],
    )


def _hit(hit: Mapping[str, Any]) -> pb.SearchHit:
    return pb.SearchHit(
        id=hit["id"],
        score=hit["score"],
        vector_score=hit["vector_score"],
        text_score=hit["text_score"],
        payload_json=json.dumps(hit["payload"], ensure_ascii=False, separators=(",", ":")),
    )
