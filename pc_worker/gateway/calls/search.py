"""`Search`: runs the search service in threads, limited per caller, and cancels a search whose client is gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import Any

from google.protobuf.message import DecodeError

from pc_worker.errors import DeadlineExceeded, InvalidRequest, TooLarge
from pc_worker.gateway.config import SearchFunction
from pc_worker.gateway.context import GatewayContext
from pc_worker.gateway.limits.admission import AdmittedCall
from pc_worker.gateway.limits.quota import CallerLimit
from pc_worker.store.search.cancel import Stop
from pc_worker.store.search.filters.where import MAX_COUNTED
from pc_worker.wire import MESSAGE_BYTES
from pc_worker.wire.generated import embedding_stream_pb2 as pb

#: Pause before a search is cancelled again: a request misses a statement that is just beginning.
CANCEL_AGAIN_S = 0.2


class SearchCall:
    """The handler of `Search`; it reads and writes serialised messages."""

    def __init__(self, gateway: GatewayContext, search: SearchFunction) -> None:
        config = gateway.config
        self._search, self._search_s = search, config.search_s
        self._caller_limit = CallerLimit(config.searches_per_caller)
        self._endings: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(config.searches, thread_name_prefix="search")

    async def serve(self, call: AdmittedCall) -> None:
        """Serve one call.

        Raises:
            PcWorkerError: `call_edge` turns it into a status.
        """
        request = _parse(call.first)
        call.grant.check(request.domain)
        try:
            async with asyncio.timeout(self._search_s), self._caller_limit.slot(call.caller):
                answer = await self._run(request)
        except TimeoutError as exc:
            raise DeadlineExceeded(
                f"the search was not answered within {self._search_s:g} s: ask for less, or try again later"
            ) from exc
        await call.context.write(answer)

    async def _run(self, request: pb.SearchRequest) -> bytes:
        stop = Stop(within_s=self._search_s)
        work = self._threads.submit(copy_context().run, self._answer, request, stop)
        answer = asyncio.wrap_future(work)
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            answer.add_done_callback(_ignore_error)
            ending = asyncio.create_task(_end(work, stop))
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)
            await asyncio.shield(ending)  # its slot is taken until the search has ended
            raise

    def _answer(self, request: pb.SearchRequest, stop: Stop) -> bytes:
        return response_message(self._search(request_values(request), stop=stop))


def _ignore_error(answer: asyncio.Future[bytes]) -> None:
    # Without this, asyncio logs an error that was never retrieved.
    if not answer.cancelled():
        answer.exception()


async def _end(work: Future[bytes], stop: Stop) -> None:
    """Cancel a search and wait until it has ended."""
    if work.cancel():
        return
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    work.add_done_callback(lambda _: loop.call_soon_threadsafe(over.set))
    while not work.done():
        await asyncio.to_thread(stop.ask)
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), CANCEL_AGAIN_S)


def _parse(raw: bytes) -> pb.SearchRequest:
    try:
        return pb.SearchRequest.FromString(raw)
    except DecodeError as exc:
        raise InvalidRequest("the request is not a SearchRequest") from exc


def request_values(request: pb.SearchRequest) -> dict[str, Any]:
    """Return the request as JSON has it; what is not set is left out, so that the model's defaults apply."""
    names = ("query", "domain", "k", "mode", "like", "offset", "rerank", "explain")
    asked = {name: getattr(request, name) for name in names if getattr(request, name)}
    asked |= {name: getattr(request, name) for name in ("min_score", "feedback") if request.HasField(name)}
    if request.HasField("weights"):
        weights = request.weights
        asked["weights"] = {name: getattr(weights, name) for name in ("vector", "text") if weights.HasField(name)}
    where: list[Any] = list(request.where[: MAX_COUNTED + 1])  # the model rejects more, and need not count them
    if request.HasField("filter"):
        where.append(_filter(request.filter))
    return asked | ({"where": where} if where else {})


def _filter(tree: pb.SearchFilter) -> Any:
    match tree.WhichOneof("filter"):
        case "condition":
            return _condition(tree.condition)
        case "not":
            return {"not": [_filter(getattr(tree, "not"))]}
        case "and" | "or" as name:
            return {name: [_filter(part) for part in getattr(tree, name).filters]}
        case _:
            return tree.text


def _condition(one: pb.SearchCondition) -> dict[str, Any]:
    values: list[str] = list(one.values)
    if one.op == "in" or len(values) > 1:
        return {"field": one.field, "op": one.op, "value": values}
    return {"field": one.field, "op": one.op, "value": values[0] if values else None}


def response_message(found: Mapping[str, Any]) -> bytes:
    """Return the answer as a message.

    Raises:
        TooLarge: If a client with gRPC's default limit could not receive it.
    """
    message = _response(found).SerializeToString()
    if len(message) > MESSAGE_BYTES:
        raise TooLarge(
            f"the {len(found['hits'])} hits take {len(message):,} bytes, more than a message may have"
            f" ({MESSAGE_BYTES:,}): ask for a smaller k"
        )
    return message


def _response(found: Mapping[str, Any]) -> pb.SearchResponse:
    return pb.SearchResponse(
        query=found["query"] or "",
        domain=found["domain"],
        mode=found["mode"],
        took_ms=found["took_ms"],
        hits=[_hit(hit) for hit in found["hits"]],
        rerank=pb.SearchReranking(**found["rerank"]) if "rerank" in found else None,
    )


def _hit(hit: Mapping[str, Any]) -> pb.SearchHit:
    return pb.SearchHit(
        id=hit["id"],
        score=hit["score"],
        vector_score=hit["vector_score"],
        text_score=hit["text_score"],
        payload_json=_json(hit["payload"]),
        passage=None if hit["passage"] is None else _passage(hit["passage"]),
        explain_json=_json(hit["explain"]) if "explain" in hit else None,
    )


def _passage(passage: Mapping[str, Any]) -> pb.SearchPassage:
    own = {name: passage[name] for name in ("text", "start", "end")}
    joined = {name: value for name, value in passage.items() if name not in own}
    return pb.SearchPassage(**own, joined_json=_json(joined) if joined else "")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
