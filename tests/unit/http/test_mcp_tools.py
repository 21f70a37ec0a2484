"""A search of all domains: one that cannot answer it takes nothing from the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from pc_worker.access import EVERYTHING
from pc_worker.errors import InvalidRequest, NoQueryModel, RateLimited
from pc_worker.http.mcp.tools import ToolCall
from pc_worker.http.requests.context import AppContext
from pc_worker.http.requests.roles import HttpCaller
from pc_worker.services.search.reply import SearchHit, SearchResult
from pc_worker.services.search.request import SearchRequest


def call(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Exception | str]) -> ToolCall:
    """Return a call whose searches end so by domain: with an error, or with one hit of this id."""

    async def domains(_: object) -> list[str]:
        return list(answers)

    async def searched(_caller: object, _context: object, request: SearchRequest) -> SearchResult:
        end = answers[request.domain]
        if isinstance(end, Exception):
            raise end
        hit = SearchHit(id=end, score=1.0, vector_score=None, text_score=1.0, payload={}, passage=None)
        return SearchResult(query="q", domain=request.domain, mode="text", took_ms=1.0, hits=(hit,))

    monkeypatch.setattr("pc_worker.http.mcp.tools.searched", searched)
    context = cast(AppContext, SimpleNamespace(services=SimpleNamespace(run=domains)))
    return ToolCall(context=context, caller=HttpCaller(EVERYTHING, "127.0.0.1"), base_url="http://h/")


REQUEST: dict[str, Any] = {"query": "q", "k": 5}


@pytest.mark.parametrize("refusal", [InvalidRequest("no row has the field 'title'"), NoQueryModel("no model")])
async def test_domains_that_refuse_are_left_out(monkeypatch: pytest.MonkeyPatch, refusal: Exception) -> None:
    found = await call(monkeypatch, {"law": refusal, "document": "a", "recruit": refusal}).search(REQUEST, None)

    assert [item.id for item in found.results] == ["document/a"]


async def test_what_all_refuse_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, Exception | str] = {"law": InvalidRequest("first"), "document": InvalidRequest("second")}

    with pytest.raises(InvalidRequest, match="first"):
        await call(monkeypatch, answers).search(REQUEST, None)
    with pytest.raises(InvalidRequest, match="second"):
        await call(monkeypatch, answers).search(REQUEST, "document")


async def test_other_errors_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RateLimited):
        await call(monkeypatch, {"document": "a", "law": RateLimited("later", 1.0)}).search(REQUEST, None)
