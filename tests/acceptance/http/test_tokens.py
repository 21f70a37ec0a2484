"""Tokens: each route needs its role, and a token of other domains sees nothing of them, in any shape."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.acceptance.http.conftest import Library
from tests.acceptance.http.test_dead_letters import partial_job
from tests.support.http_part import HttpPart, running_http, tokens_file

GRANTS: dict[str, Any] = {
    "all": ["document", "recruit", "candidate", "skill_dic"],
    "reader": {"name": "reader", "domains": ["document"], "roles": ["read"]},
    "writer": {"name": "writer", "domains": ["document"], "roles": ["write"]},
    "admin": {"name": "admin", "domains": ["document"], "roles": ["admin"]},
    "other": {"name": "other", "domains": ["skill_dic"], "roles": ["read", "write", "admin"]},
    "nothing": {"name": "nothing", "domains": [], "roles": ["read", "write", "admin"]},
}
NO_ROW = "00000000-0000-7000-8000-000000000000"
SEARCH = {"query": "a whale", "domain": "document"}
RETRIEVAL = {"knowledge_id": "document", "query": "x", "retrieval_setting": {"top_k": 1, "score_threshold": 0}}
#: Method, path, body, and the statuses for each token: all, reader, writer, admin, other.
MATRIX: list[tuple[str, str, Any, tuple[int, int, int, int, int]]] = [
    ("GET", "/v1/domains", None, (200, 200, 403, 403, 200)),
    ("GET", "/v1/domains/document", None, (200, 200, 403, 403, 404)),
    ("POST", "/v1/search", SEARCH, (200, 200, 403, 403, 404)),
    ("GET", f"/v1/domains/document/rows/{NO_ROW}", None, (404, 404, 403, 403, 404)),
    ("DELETE", f"/v1/domains/document/rows/{NO_ROW}", None, (404, 403, 404, 403, 404)),
    ("GET", "/v1/subscriptions", None, (200, 200, 403, 403, 200)),
    ("DELETE", "/v1/subscriptions/document/none", None, (404, 403, 403, 404, 404)),
    ("POST", "/v1/subscriptions/document/none/seek", {"to": "now"}, (404, 403, 403, 404, 404)),
    ("POST", "/v1/subscriptions/document/none/reshard", {"shards": 2}, (404, 403, 403, 404, 404)),
    ("GET", "/v1/dead-letters", None, (200, 200, 403, 403, 200)),
    ("GET", "/v1/dead-letters?domain=document", None, (200, 200, 403, 403, 404)),
    ("POST", "/v1/dead-letters/retry", {"filter": {"reason": "no such reason"}}, (200, 403, 200, 403, 200)),
    ("POST", "/v1/dead-letters/drop", {"filter": {"domain": "document", "reason": "none"}}, (200, 403, 200, 403, 404)),
    ("GET", "/v1/models", None, (200, 200, 403, 403, 200)),
    ("POST", "/v1/vector_stores/document/search", {"query": "x"}, (200, 200, 403, 403, 404)),
    ("POST", "/retrieval", RETRIEVAL, (200, 200, 403, 403, 404)),
]
TOKENS = ("all", "reader", "writer", "admin", "other")


@pytest.fixture(scope="module")
def part(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpPart]:
    """Yield an HTTP part that needs tokens."""
    folder = tmp_path_factory.mktemp("tokens")
    with running_http(
        library.stack, folder, HTTP_ADDRESS="127.0.0.1:0", TOKENS_FILE=str(tokens_file(folder, GRANTS))
    ) as running:
        yield running


@pytest.mark.parametrize(("method", "path", "body", "statuses"), MATRIX, ids=lambda value: str(value)[:60])
def test_the_matrix_of_routes_roles_and_domains(
    part: HttpPart, method: str, path: str, body: Any, statuses: tuple[int, ...]
) -> None:
    found = []
    for token in TOKENS:
        with part.client(token) as client:
            found.append(client.request(method, path, json=body).status_code)
    assert tuple(found) == statuses
    for wrong in (None, "unknown"):
        with part.client(wrong) as client:
            assert client.request(method, path, json=body).status_code == 401


def test_lists_show_only_the_domains_of_the_token(library: Library, part: HttpPart, tmp_path: Path) -> None:
    job = partial_job(library.stack, tmp_path / "r.pkl", 970_000)
    with part.client("reader") as reader, part.client("other") as other, part.client("nothing") as nothing:
        assert [one["domain"] for one in reader.get("/v1/domains").json()["items"]] == ["document"]
        assert [one["domain"] for one in other.get("/v1/domains").json()["items"]] == ["skill_dic"]
        assert nothing.get("/v1/domains").json()["items"] == []
        assert {one["domain"] for one in reader.get("/v1/dead-letters").json()["items"]} <= {"document"}
        assert nothing.get("/v1/dead-letters").json()["items"] == []
        unknown = reader.get("/v1/dead-letters", params={"job": job})
        assert (unknown.status_code, job in unknown.json()["detail"]) == (404, True)
        assert nothing.post("/v1/dead-letters/drop", json={"filter": {}}).json()["matched"] == 0
    with part.client("all") as every:
        assert len(every.get("/v1/dead-letters", params={"job": job}).json()["items"]) == 3


def test_a_foreign_domain_is_like_one_that_does_not_exist(part: HttpPart) -> None:
    with part.client("reader") as reader:
        for body in ({"query": "x", "domain": "recruit"}, {"query": "x", "domain": "nothing"}):
            answer = reader.post("/v1/search", json=body)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
            assert answer.json()["detail"].replace(body["domain"], "D") == "there is no domain 'D' for this token"


def test_openai_clients_of_other_domains_see_no_model_and_no_store(library: Library, part: HttpPart) -> None:
    clients = {token: openai.OpenAI(base_url=f"{part.url}/v1", api_key=token, max_retries=0) for token in GRANTS}
    (model,) = clients["reader"].models.list().data

    assert clients["reader"].embeddings.create(model=model.id, input="x").data[0].index == 0
    assert clients["other"].models.list().data == []
    assert clients["reader"].models.retrieve(model.id) == model
    for token, asked in (("reader", "no-such-model"), ("other", model.id), ("reader", "pcw/nowhere")):
        with pytest.raises(openai.NotFoundError) as unknown:
            clients[token].models.retrieve(asked)
        assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError, match="there are: none"):
        clients["other"].embeddings.create(model=model.id, input="x")
    with pytest.raises(openai.NotFoundError):
        clients["other"].vector_stores.search("document", query="x")
    with pytest.raises(openai.PermissionDeniedError):
        clients["writer"].models.list()
    with pytest.raises(openai.AuthenticationError, match="not known"):
        openai.OpenAI(base_url=f"{part.url}/v1", api_key="wrong", max_retries=0).models.list()


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, 1001),
        ({"Authorization": "reader"}, 401, 1001),
        ({"Authorization": "Bearer wrong"}, 401, 1002),
        ({"Authorization": "Bearer writer"}, 403, 1002),
        ({"Authorization": "Bearer other"}, 404, 2001),
    ],
)
def test_dify_shows_its_own_codes(part: HttpPart, headers: dict[str, str], status: int, code: int) -> None:
    with part.client() as client:
        answer = client.post("/retrieval", json=RETRIEVAL, headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


def called(part: HttpPart, token: str, tool: str, **arguments: Any) -> Any:
    """Call a tool with a token."""

    async def call() -> Any:
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http:
            transport = streamable_http_client(f"{part.url}/mcp", http_client=http)
            async with Client(transport) as client:
                return await client.call_tool(tool, arguments)

    return asyncio.run(call())


def test_assistants_see_only_the_domains_of_their_token(library: Library, part: HttpPart, tmp_path: Path) -> None:
    job = partial_job(library.stack, tmp_path / "r.pkl", 971_000)
    item = f"document/{library.ids['whales']}"

    domains = called(part, "reader", "list_domains").structured_content["domains"]
    assert [domain["domain"] for domain in domains] == ["document"]
    found = called(part, "reader", "search", query="hunting a white whale").structured_content["results"]
    assert {result["domain"] for result in found} == {"document"}
    assert called(part, "reader", "fetch", id=item).structured_content["title"] == "Moby Dick"
    for token, tool, arguments in (
        ("other", "fetch", {"id": item}),
        ("other", "search", {"query": "x", "domain": "document"}),
        ("reader", "job_status", {"job_id": job}),
        ("nothing", "search", {"query": "x"}),
    ):
        assert called(part, token, tool, **arguments).is_error
    assert called(part, "all", "job_status", job_id=job).structured_content["rows_dead"] == 3


def test_an_assistant_without_a_token_is_refused(part: HttpPart) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    with part.client() as client:
        answer = client.post("/mcp", json=message, headers={"Accept": "application/json, text/event-stream"})
    assert (answer.status_code, answer.headers["www-authenticate"][:6]) == (401, "Bearer")


def test_embeddings_cost_what_searches_cost(library: Library, tmp_path: Path) -> None:
    with running_http(library.stack, tmp_path, HTTP_ADDRESS="127.0.0.1:0", HTTP_SEARCH_COST="4") as limited:
        client = openai.OpenAI(base_url=f"{limited.url}/v1", api_key="none", max_retries=0)
        model = client.models.list().data[0].id
        assert len(client.embeddings.create(model=model, input=["text"] * 100).data) == 100
        with pytest.raises(openai.RateLimitError) as raised:
            client.embeddings.create(model=model, input="text")
        assert int(raised.value.response.headers["retry-after"]) >= 1
