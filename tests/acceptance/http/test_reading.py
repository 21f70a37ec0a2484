"""Search, rows, domains and subscriptions over HTTP: the same documents as on the command line."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from tests.acceptance.http.conftest import Library, search


def test_a_search_is_that_of_the_command_line(library: Library, http: httpx.Client) -> None:
    options = ("--domain", "document", "-k", "3", "--where", "shelf=http", "--explain", "--json")
    while True:
        ours = search(http, query="a white whale", k=3, explain=True)
        theirs = library.stack.run("search", "a white whale", *options).json()
        if search(http, query="a white whale", k=3, explain=True)["hits"] == ours["hits"]:
            break  # else the statistics of words were counted in between

    assert ours["hits"] == theirs["hits"]
    assert ours["hits"][0]["id"] == library.ids["whales"]
    assert ours.keys() == theirs.keys()


def test_pages_joined_are_one_long_list_and_filters_are_trees(library: Library, http: httpx.Client) -> None:
    whole = search(http, query="sea and pirates", k=6)["hits"]
    pages = [search(http, query="sea and pirates", k=2, offset=offset)["hits"] for offset in (0, 2, 4)]
    assert [hit["id"] for page in pages for hit in page] == [hit["id"] for hit in whole]

    tree = {
        "and": [
            {"field": "shelf", "op": "=", "value": "http"},
            {"not": [{"field": "country", "op": "=", "value": "GB"}]},
        ]
    }
    found = search(http, query="a story", where=tree, k=10)["hits"]
    assert {hit["id"] for hit in found} == {library.ids["whales"], library.ids["korea"]}


def test_neighbours_of_a_row(library: Library, http: httpx.Client) -> None:
    hits = search(http, like=library.ids["whales"], k=2)["hits"]
    assert len(hits) == 2
    assert library.ids["whales"] not in [hit["id"] for hit in hits]


def test_a_row_has_its_passages(library: Library, http: httpx.Client) -> None:
    row = http.get(f"/v1/domains/document/rows/{library.ids['korea']}").json()

    assert row["payload"]["title"] == "홍길동전"
    assert [passage["text"] for passage in row["passages"]] == [row["text"]]
    assert (row["source"], row["key"]) == ("books", "korea")
    missing = http.get(f"/v1/domains/document/rows/{uuid4()}")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_a_forgotten_row_is_gone_and_forgetting_it_again_does_nothing(library: Library, http: httpx.Client) -> None:
    path = library.stack.home / "short.jsonl"
    path.write_text('{"key": "gone", "text": "to be forgotten", "shelf": "gone"}\n')
    library.stack.ingest(path, "document", "--source", "gone", "--id-column", "key", "--text-column", "text")
    (hit,) = search(http, query="forgotten", where="shelf=gone")["hits"]
    address = f"/v1/domains/document/rows/{hit['id']}"

    assert http.delete(address).status_code == 204
    assert http.delete(address).status_code == 204
    assert http.get(address).status_code == 404
    assert search(http, query="forgotten", where={"field": "key", "op": "=", "value": "gone"})["hits"] == []


def test_domains_are_listed_in_pages(library: Library, http: httpx.Client) -> None:
    names, cursor = [], None
    while True:
        page = http.get("/v1/domains", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        names += [domain["domain"] for domain in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert names == sorted(names)
    assert {"document", "recruit", "candidate", "skill_dic"} <= set(names)

    one = http.get("/v1/domains/document").json()
    assert one["rows"] >= 6
    assert one["head"] >= one["rows"]
    assert one["model"]["dimension"] == 384
    assert http.get("/v1/domains/nothing").json()["code"] == "not_found"


def test_a_subscription_is_listed_moved_and_dropped(library: Library, http: httpx.Client) -> None:
    name = "java/한국 1"
    library.stack.query(
        "INSERT INTO subscriptions (domain, name, position, epoch) "
        "SELECT domain, %s, 1, epoch FROM domains WHERE domain = 'document' RETURNING 1",
        name,
    )

    found = [one for one in http.get("/v1/subscriptions", params={"limit": 100}).json()["items"] if one["name"] == name]

    assert [(one["domain"], one["position"], one["lag"] >= 5) for one in found] == [("document", 1, True)]
    address = httpx.URL(f"{library.url}/v1/subscriptions/document/{name}")
    head = found[0]["head"]
    for to, position in (("beginning", 0), (1, 1), ("now", head), ("2001-02-03", 0), ("2999-02-03T00:00Z", head)):
        answer = http.post(f"{address}/seek", json={"to": to})
        assert (answer.status_code, answer.json()["position"]) == (200, position), answer.text
    assert [
        http.post(f"{address}/seek", json={"to": to}).status_code for to in ("x", -1, head + 10**6, None, True)
    ] == [422] * 5
    assert http.post(f"{address}/reshard", json={"shards": 2}).json()["position"] == head
    shards = [
        one for one in http.get("/v1/subscriptions", params={"limit": 100}).json()["items"] if one["name"] == name
    ]
    assert [(one["shard"], one["shards"], one["position"], one["where"]) for one in shards] == [
        (0, 2, head, None),
        (1, 2, head, None),
    ]
    assert [http.post(f"{address}/reshard", json={"shards": n}).status_code for n in (0, 129, "2")] == [422] * 3
    assert http.delete(address).status_code == 204
    again = http.delete(address)
    assert (again.status_code, again.json()["code"]) == (404, "not_found")


BAD_SEARCHES = [
    ({}, 422),
    ({"query": "x"}, 422),
    ({"query": "", "domain": "document"}, 422),
    ({"query": "x", "domain": "nothing"}, 404),
    ({"query": "x", "domain": "document", "k": 0}, 422),
    ({"query": "x", "domain": "document", "k": 101}, 422),
    ({"query": "x", "domain": "document", "k": "5"}, 422),
    ({"query": "x", "domain": "document", "offset": -1}, 422),
    ({"query": "x", "domain": "document", "mode": "fuzzy"}, 422),
    ({"query": "x" * 20_000, "domain": "document"}, 422),
    ({"query": "x", "domain": "document", "where": "shelf~http"}, 422),
    ({"query": "x", "domain": "document", "where": {"field": "shelf", "op": "like", "value": "h"}}, 422),
    ({"query": "x", "domain": "document", "surprise": 1}, 422),
    ({"query": "x", "domain": "document", "like": "0190"}, 422),
    ({"like": "not a uuid", "domain": "document"}, 422),
    ({"like": str(uuid4()), "domain": "document"}, 404),
    ({"query": "x", "domain": "skill_dic", "mode": "vector"}, 422),
    ([], 422),
    ("text", 422),
]


@pytest.mark.parametrize(("body", "status"), BAD_SEARCHES)
def test_a_wrong_search_is_refused_with_a_sentence(
    http: httpx.Client, library: Library, body: object, status: int
) -> None:
    answer = http.post("/v1/search", json=body)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/search", 405),
        ("PUT", "/v1/domains", 405),
        ("GET", "/v1/domains?limit=0", 422),
        ("GET", "/v1/domains?limit=101", 422),
        ("GET", "/v1/domains?cursor=x", 400),
        ("GET", "/v1/domains?cursor=W10", 400),
        ("GET", "/v1/domains/document/rows/5", 422),
        ("DELETE", "/v1/domains/nothing/rows/00000000-0000-7000-8000-000000000000", 404),
        ("DELETE", "/v1/domains/document/rows/00000000-0000-7000-8000-000000000000", 404),
        ("DELETE", "/v1/subscriptions/nothing/x", 404),
        ("DELETE", "/v1/domains/document", 405),
        ("GET", "/v1/nothing", 404),
    ],
)
def test_a_wrong_call_has_its_status(http: httpx.Client, library: Library, method: str, path: str, status: int) -> None:
    answer = http.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
