"""The official clients of other products' APIs, as their users configure them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from mcp import Client

from tests.acceptance.http.conftest import Library

TEXTS = ["A captain hunts a white whale across the oceans.", "홍길동이 가난한 백성을 돕는 이야기.", "x"]


@pytest.fixture
def client(library: Library) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{library.url}/v1", api_key="none", max_retries=0)


@pytest.fixture
def model(client: openai.OpenAI) -> str:
    """Return the encoder that the server offers first."""
    return client.models.list().data[0].id


def test_embeddings_of_the_official_client_are_the_stored_ones(
    library: Library, client: openai.OpenAI, model: str
) -> None:
    floats = client.embeddings.create(model=model, input=TEXTS, encoding_format="float")
    packed = client.embeddings.create(model=model, input=TEXTS)  # the client asks for base64 by itself

    assert [item.index for item in floats.data] == [0, 1, 2]
    assert [item.embedding for item in floats.data] == [item.embedding for item in packed.data]
    assert floats.usage.prompt_tokens > 10
    for key, item in zip(("whales", "korea"), floats.data, strict=False):
        ((stored,),) = library.stack.query(
            "SELECT vector::text FROM embeddings WHERE domain = 'document' AND row_id = %s", library.ids[key]
        )
        vector = np.array(item.embedding, np.float32)
        assert float(vector @ np.array(stored[1:-1].split(","), np.float32)) == pytest.approx(1.0, abs=1e-5)
        assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-5)


def test_many_texts_keep_their_order_and_one_text_needs_no_list(client: openai.OpenAI, model: str) -> None:
    texts = [f"text number {number}" for number in range(100)]
    many = client.embeddings.create(model=model, input=texts, dimensions=384)
    one = client.embeddings.create(model=model, input=texts[77])
    assert [item.index for item in many.data] == list(range(100))
    assert np.dot(many.data[77].embedding, one.data[0].embedding) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(
    ("request_", "kind", "says"),
    [
        ({"input": [[1, 2, 3]]}, openai.UnprocessableEntityError, "token ids"),
        ({"input": [1, 2, 3]}, openai.UnprocessableEntityError, "token ids"),
        ({"input": []}, openai.UnprocessableEntityError, "1 to 2,048"),
        ({"input": ["a", ""]}, openai.UnprocessableEntityError, "text 1 is empty"),
        ({"input": ["a"] * 2049}, openai.UnprocessableEntityError, "2,049"),
        ({"input": "a" * 100_001}, openai.UnprocessableEntityError, "100,001"),
        ({"input": "a", "dimensions": 256}, openai.UnprocessableEntityError, "384"),
        ({"input": "a", "encoding_format": "int8"}, openai.UnprocessableEntityError, "base64"),
        ({"input": None}, openai.UnprocessableEntityError, "input"),
        ({"input": "a", "model": "text-embedding-3-small"}, openai.NotFoundError, "there is no model"),
    ],
)
def test_wrong_requests_raise_the_clients_own_errors(
    client: openai.OpenAI, model: str, request_: dict[str, Any], kind: type[openai.APIStatusError], says: str
) -> None:
    with pytest.raises(kind, match=says) as raised:
        client.embeddings.create(**({"model": model} | request_))

    assert raised.value.code in ("invalid_request", "model_not_found")
    assert raised.value.type == "invalid_request_error"
    assert raised.value.response.headers["content-type"] == "application/problem+json"


def test_a_vector_store_is_searched_with_filters_and_a_threshold(library: Library, client: openai.OpenAI) -> None:
    shelf: Any = {"type": "eq", "key": "shelf", "value": "http"}
    found = client.vector_stores.search("document", query="hunting a whale", filters=shelf, max_num_results=3)

    assert found.data[0].file_id == library.ids["whales"]
    assert found.data[0].content[0].text.startswith("A captain")
    assert found.data[0].attributes is not None
    assert found.data[0].attributes["year"] == 1851
    assert (found.data[0].filename, len(found.data)) == ("Moby Dick", 3)
    scores = [hit.score for hit in found.data]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= scores[-1] <= scores[0] <= 1

    threshold = (scores[0] + scores[1]) / 2
    good = client.vector_stores.search(
        "document", query=["hunting a whale"], filters=shelf, ranking_options={"score_threshold": threshold},
        rewrite_query=True, max_num_results=3,
    )  # fmt: skip
    assert [hit.file_id for hit in good.data] == [library.ids["whales"]]


@pytest.mark.parametrize(
    ("comparison", "keys"),
    [
        ({"type": "ne", "key": "country", "value": "GB"}, {"whales", "korea"}),
        ({"type": "gt", "key": "year", "value": 1887}, {"time"}),
        ({"type": "gte", "key": "year", "value": 1887}, {"time", "detective"}),
        ({"type": "lt", "key": "year", "value": 1818}, {"korea"}),
        ({"type": "lte", "key": "year", "value": 1818}, {"korea", "monster"}),
        ({"type": "in", "key": "country", "value": ["US", "KR"]}, {"whales", "korea"}),
        ({"type": "nin", "key": "country", "value": ["US", "GB"]}, {"korea"}),
        ({"type": "or", "filters": [
            {"type": "eq", "key": "tags", "value": "sea"},
            {"type": "and", "filters": [
                {"type": "eq", "key": "country", "value": "GB"}, {"type": "gt", "key": "year", "value": 1890}
            ]},
        ]}, {"whales", "island", "time"}),
    ],
)  # fmt: skip
def test_each_comparison_of_a_vector_store(
    library: Library, client: openai.OpenAI, comparison: Any, keys: set[str]
) -> None:
    filters: Any = {"type": "and", "filters": [{"type": "eq", "key": "shelf", "value": "http"}, comparison]}
    found = client.vector_stores.search("document", query="a story", filters=filters, max_num_results=20)
    assert {hit.file_id for hit in found.data} == {library.ids[key] for key in keys}


@pytest.mark.parametrize(
    "request_",
    [
        {"filters": {"type": "like", "key": "shelf", "value": "h"}},
        {"filters": {"type": "eq", "key": "shelf"}},
        {"filters": {"type": "and", "filters": "x"}},
        {"filters": {"type": "and", "filters": []}},
        {"filters": {"type": "gt", "key": "year", "value": "x"}},
        {"max_num_results": 51},
        {"max_num_results": 0},
        {"ranking_options": {"score_threshold": 2}},
        {"query": ""},
        {"query": []},
        {"query": ["x" * 10_000, "y" * 10_000]},
    ],
)
def test_a_wrong_search_of_a_vector_store_raises(client: openai.OpenAI, request_: dict[str, Any]) -> None:
    with pytest.raises(openai.UnprocessableEntityError):
        client.vector_stores.search(**({"vector_store_id": "document", "query": "x"} | request_))


def test_an_unknown_vector_store_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.search("nothing", query="x")


# Dify's external knowledge, as its documentation has it.

SHELF = {"name": "shelf", "comparison_operator": "is", "value": "http"}


def retrieve(http: httpx.Client, **request: Any) -> httpx.Response:
    body = {"knowledge_id": "document", "query": "a story", "retrieval_setting": {"top_k": 20, "score_threshold": 0.0}}
    return http.post("/retrieval", json=body | request, headers={"Authorization": "Bearer none"})


def test_dify_retrieves_records(library: Library, http: httpx.Client) -> None:
    def records(top_k: int, threshold: float) -> list[dict[str, Any]]:
        setting = {"top_k": top_k, "score_threshold": threshold}
        condition = {"logical_operator": "and", "conditions": [SHELF]}
        answer = retrieve(http, query="hunting a whale", retrieval_setting=setting, metadata_condition=condition)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["records"]
        return found

    first, second = records(2, 0.0)
    assert first.keys() == {"content", "score", "title", "metadata"}
    assert (first["title"], first["metadata"]["row_id"]) == ("Moby Dick", library.ids["whales"])
    assert first["content"].startswith("A captain")
    assert 0 <= second["score"] < first["score"] <= 1
    assert records(5, (first["score"] + second["score"]) / 2) == [first]
    assert records(5, 1.0) == []


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        (("title", "contains", "island"), {"island"}),
        (("tags", "contains", "sea"), {"whales", "island"}),
        (("title", "not contains", "the"), {"whales", "monster", "detective", "island", "korea"}),
        (("title", "start with", "the "), {"time"}),
        (("title", "end with", "MACHINE"), {"time"}),
        (("title", "start with", "%"), set()),
        (("country", "is not", "GB"), {"whales", "korea"}),
        (("country", "in", ["US", "KR"]), {"whales", "korea"}),
        (("country", "in", "US, KR"), {"whales", "korea"}),
        (("country", "not in", ["GB"]), {"whales", "korea"}),
        (("country", "empty", None), set()),
        (("country", "not empty", None), {"whales", "monster", "detective", "island", "time", "korea"}),
        (("year", "=", 1851), {"whales"}),
        (("year", "≠", "1851"), {"monster", "detective", "island", "time", "korea"}),
        (("year", "≥", 1887), {"time", "detective"}),
        (("year", "≤", 1818), {"korea", "monster"}),
        (("year", ">", 1887), {"time"}),
        (("year", "<", 1818), {"korea"}),
        ((["title", "tags"], "contains", "pirates"), {"island"}),
    ],
    ids=lambda value: str(
        sorted(value) if isinstance(value, set) else value
    ),  # a set has another order in each process
)
def test_each_comparison_of_dify(
    library: Library, http: httpx.Client, condition: tuple[Any, str, Any], keys: set[str]
) -> None:
    name, operator, value = condition
    conditions = [SHELF, {"name": name, "comparison_operator": operator, "value": value}]

    answer = retrieve(http, metadata_condition={"conditions": conditions})

    assert answer.status_code == 200, answer.text
    found = {record["metadata"]["row_id"] for record in answer.json()["records"]}
    assert found == {library.ids[key] for key in keys}


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"knowledge_id": "nothing"}, 404, 2001),
        ({"query": ""}, 422, 422),
        ({"retrieval_setting": {"top_k": 0}}, 422, 422),
        ({"retrieval_setting": {"top_k": 101}}, 422, 422),
        ({"retrieval_setting": {"top_k": 5, "score_threshold": 1.5}}, 422, 422),
        ({"retrieval_setting": None}, 422, 422),
        ({"metadata_condition": {"conditions": [SHELF | {"comparison_operator": "like"}]}}, 422, 422),
        ({"metadata_condition": {"conditions": [SHELF | {"comparison_operator": ">"}]}}, 422, 422),
        ({"metadata_condition": {"conditions": [SHELF | {"value": ["a"]}]}}, 422, 422),
        ({"metadata_condition": {"conditions": [SHELF | {"name": []}]}}, 422, 422),
    ],
)
def test_dify_shows_what_is_wrong(
    http: httpx.Client, library: Library, request_: dict[str, Any], status: int, code: int
) -> None:
    answer = retrieve(http, **request_)

    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert answer.json()["error_msg"] == answer.json()["detail"]


# The Model Context Protocol.


def called(library: Library, tool: str, **arguments: Any) -> Any:
    """Call a tool with the official client; return its result."""

    async def call() -> Any:
        async with Client(f"{library.url}/mcp") as client:
            return await client.call_tool(tool, arguments)

    return asyncio.run(call())


def test_the_tools_are_read_only_and_describe_what_they_return(library: Library) -> None:
    async def tools() -> Any:
        async with Client(f"{library.url}/mcp") as client:
            return (await client.list_tools()).tools

    found = {tool.name: tool for tool in asyncio.run(tools())}

    assert found.keys() == {"search", "fetch", "list_domains", "job_status"}
    for tool in found.values():
        assert tool.annotations.read_only_hint is True
        assert tool.description
        assert tool.output_schema["type"] == "object"
    assert found["search"].input_schema["required"] == ["query"]


def test_an_assistant_searches_and_fetches(library: Library) -> None:
    found = called(library, "search", query="hunting a whale", domain="document", k=3, where=["shelf=http"])
    results = found.structured_content["results"]
    assert not found.is_error
    assert (results[0]["title"], len(results)) == ("Moby Dick", 3)
    assert results[0]["id"] == f"document/{library.ids['whales']}"
    assert results[0]["url"] == f"{library.url}/v1/domains/document/rows/{library.ids['whales']}"

    row = called(library, "fetch", id=results[0]["id"]).structured_content

    assert (row["id"], row["title"]) == (results[0]["id"], "Moby Dick")
    assert row["text"].startswith("A captain")
    assert row["metadata"]["payload"]["year"] == 1851


def test_a_search_without_a_domain_is_one_of_all_domains(library: Library) -> None:
    results = called(library, "search", query="hunting a white whale").structured_content["results"]
    assert f"document/{library.ids['whales']}" in [result["id"] for result in results]


def test_domains_and_jobs_are_shown_to_assistants(library: Library) -> None:
    domains = called(library, "list_domains").structured_content["domains"]
    assert {"document", "recruit"} <= {domain["domain"] for domain in domains}
    ((job,),) = library.stack.query("SELECT job_id FROM jobs WHERE source LIKE '%%books.jsonl'")
    assert called(library, "job_status", job_id=job).structured_content["rows_written"] == 6


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("search", {"query": ""}, "query"),
        ("search", {"query": "x", "domain": "nothing"}, "nothing"),
        ("search", {"query": "x", "k": 51}, "k"),
        ("search", {"query": "x", "where": ["shelf~1"]}, "shelf"),
        ("search", {}, "query"),
        ("fetch", {"id": "5"}, "DOMAIN/UUID"),
        ("fetch", {"id": "document/5"}, "UUID"),
        ("fetch", {"id": "nothing/00000000-0000-7000-8000-000000000000"}, "no row"),
        ("job_status", {"job_id": "none\0"}, "there is no job"),
        ("rm", {}, "rm"),
    ],
)
def test_an_assistant_reads_what_is_wrong(library: Library, tool: str, arguments: dict[str, Any], says: str) -> None:
    result = called(library, tool, **arguments)
    assert result.is_error
    assert says in result.content[0].text


def test_clients_of_earlier_versions_of_the_protocol_are_served(library: Library, http: httpx.Client) -> None:
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}

    def post(method: str, number: int | None, **params: Any) -> httpx.Response:
        message = {"jsonrpc": "2.0", "method": method, "params": params} | ({} if number is None else {"id": number})
        return http.post("/mcp", json=message, headers=headers)

    who = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    begun = post("initialize", 1, **who)
    assert begun.json()["result"]["protocolVersion"] == "2025-06-18"
    assert "mcp-session-id" not in begun.headers
    assert post("notifications/initialized", None).status_code == 202
    assert len(post("tools/list", 2).json()["result"]["tools"]) == 4
    item = {"id": f"document/{library.ids['whales']}"}
    result = post("tools/call", 3, name="fetch", arguments=item).json()["result"]
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    assert result["structuredContent"]["title"] == "Moby Dick"


def test_pages_of_other_hosts_and_other_methods_are_refused(http: httpx.Client) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream"}
    assert http.post("/mcp", json=message, headers=headers | {"Origin": "https://example.org"}).status_code == 403
    assert http.post("/mcp", json=message, headers=headers | {"Origin": "http://localhost:3000"}).status_code == 200
    assert http.post("/mcp", content=b"x", headers=headers | {"Content-Type": "text/plain"}).status_code == 415
    assert http.post("/mcp", headers=headers).headers["content-type"] == "application/problem+json"
    assert http.get("/mcp").status_code == 405
    assert http.delete("/mcp").status_code == 405
    assert http.post("/mcp", content=b"{", headers=headers | {"Content-Type": "application/json"}).status_code == 400
