"""What an attacker sends: methods, cursors, documents, redirects and HTML, at every route of the session's stack."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpx
import pytest
from fastapi.routing import APIRoute

from pc_worker.http.routers import ROUTERS
from tests.acceptance.http.conftest import Library

HTML = "<img src=x onerror=alert(1)>\"'</pre></script><script>alert(2)</script>"
ROUTES = {route.path: route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)}
LISTS = ("/v1/jobs", "/v1/jobs/{job}/chunks", "/v1/domains", "/v1/subscriptions", "/v1/dead-letters")


def address(path: str) -> str:
    """Return a route's path with names in it that nothing has."""
    return re.sub(r"{[^}]+}", "00000000-0000-4000-8000-000000000000", path)


def cursor(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "BREW"])
def test_other_methods_are_no_way_into_a_route(http: httpx.Client, method: str) -> None:
    answers = {
        path: http.request(method, address(path), headers={"X-Secret": "do-not-repeat"})
        for path, route in ROUTES.items()
        if method not in (route.methods or ())
    }

    wrong = {path: answer.status_code for path, answer in answers.items() if answer.status_code not in (404, 405)}
    assert wrong == {}
    assert not any("do-not-repeat" in answer.text for answer in answers.values())


def test_no_list_takes_a_cursor_of_another_one_or_a_made_up_one(library: Library, http: httpx.Client) -> None:
    job = http.get("/v1/jobs", params={"limit": 1}).json()["items"][0]["job_id"]
    late = "9999-12-31T23:59:59-23:59"
    forged = {
        *("", "x", "%", "W10", "bnVsbA", "A" * 2_000, cursor(), cursor("jobs"), cursor("domains", 5)),
        *(cursor(name, late, "x") for name in ("jobs", "subscriptions")),
        *(cursor("domains", "\0"), cursor(f"chunks of {job}", 2**70), cursor(f"chunks of {job}", True)),
        *(cursor("dead-letters", late, "row", "x", 1, "x"), cursor("dead-letters", "now", "row", "x", 2**70, "x")),
        *(cursor("chunks of another", 1), cursor("others", "x"), cursor(["jobs"], late, "x"), cursor("jobs", {}, [])),
    }
    given = [(path.format(job=job), one) for path in LISTS for one in sorted(forged)]

    answers = [(path, one, http.get(path, params={"cursor": one})) for path, one in given]

    assert [(path, one, found.text) for path, one, found in answers if found.status_code not in (400, 422)] == []


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"[" * 500_000, {}),
        (b'{"query":' * 50_000, {}),
        (b'{"query": "x", "domain": "document", "k": 1' + b"0" * 500_000 + b"}", {}),
        (b'{"query": "x", "domain": "document", "min_score": 1e999999}', {}),
        (b'{"query": "\\ud800", "domain": "document"}', {}),
        (b"{" + b'"query":"x",' * 80_000 + b'"domain":1}', {}),
        (json.dumps({"query": "x", "domain": "document", "where": [{"not": ["a=b"] * 9_000}] * 9}).encode(), {}),
        (gzip.compress(b'{"query": "x", "domain": "document"}'), {"Content-Encoding": "gzip"}),
        (b'{"query": "x", "domain": "document"}', {"Content-Type": "application/json; charset=utf-16"}),
        ('{"query": "x", "domain": "document"}'.encode("utf-16"), {}),
        (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>', {"Content-Type": "text/xml"}),
    ],
    ids=lambda value: str(len(value)) if isinstance(value, bytes) else "-".join(value.values()),
)
def test_a_document_that_is_a_bomb_or_none_is_the_clients_mistake(
    http: httpx.Client, body: bytes, headers: dict[str, str]
) -> None:
    for path in ("/v1/search", "/v1/vector_stores/document/search", "/retrieval", "/v1/jobs", "/mcp"):
        answer = http.post(path, content=body, headers={"Content-Type": "application/json"} | headers)
        assert answer.status_code < 500, (path, answer.status_code, answer.text[:300])
        # The charset is not used, and the shape of OpenAI's search leaves unknown fields out.
        is_valid = "charset" in str(headers) or path.startswith("/v1/vector_stores/")
        assert is_valid or answer.status_code >= 400, (path, answer.text[:300])


@pytest.mark.parametrize(
    "url",
    [
        *("https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "/\t/evil.example"),
        *(
            " //evil.example",
            "/\r\nLocation: https://evil.example",
            "javascript:alert(1)",
            "https:evil.example",
            "///evil",
        ),
    ],
)
def test_no_redirect_leads_to_another_site(http: httpx.Client, library: Library, url: str) -> None:
    for path in (f"/login?next={quote(url, safe='')}", f"/static/../login?next={quote(url, safe='')}"):
        answer = http.get(path)
        there = urlsplit(urljoin(library.url + "/", answer.headers.get("location", "/")))
        assert f"{there.scheme}://{there.netloc}" == library.url
        assert "evil" not in there.netloc


def test_a_form_with_the_secret_of_another_browser_is_refused(http: httpx.Client, library: Library) -> None:
    with httpx.Client(base_url=library.url) as other:
        found = re.search(r'name="form_secret" value="([^"]+)"', other.get("/search").text)
    assert found is not None
    http.get("/plan")

    forged = http.post("/dead-letters/drop", data={"form_secret": found[1], "domain": "recruit"})
    without = httpx.post(f"{library.url}/dead-letters/drop", data={"form_secret": found[1]})

    assert (forged.status_code, without.status_code) == (403, 403)


def test_nothing_that_is_shown_is_html(http: httpx.Client, library: Library) -> None:
    form = {"file": (f"../../{HTML}.jsonl", json.dumps({"text": HTML, HTML: HTML}).encode() + b"\n")}
    uploaded = http.post("/v1/files", params={"domain": "document"}, files=form)
    assert uploaded.status_code == 202, uploaded.text
    job = uploaded.json()["job_id"]
    broken = http.post("/v1/files", params={"domain": "recruit"}, files={"file": (HTML, f"{HTML}\n1\n".encode())})
    with http.stream("GET", f"/v1/jobs/{job}/events") as stream:
        stream.read()
    pages = [
        *("/", "/jobs", "/audit", "/consumers", "/index", f"/jobs/{job}", "/dead-letters"),
        *(f"/search?q={quote(HTML)}&domain=document", f"/search?q=x&domain=document&where={quote(HTML)}"),
        *(f"/ask?q={quote(HTML)}", f"/plan?path={quote(HTML)}&domain=document", f"/models?domain={quote(HTML)}"),
        *(f"/dead-letters?reason={quote(HTML)}", f"/jobs?q={quote(HTML)}&state={quote(HTML)}", f"/jobs/{quote(HTML)}"),
        *(f"/login?next={quote(HTML)}", f"/operations/{quote(HTML, safe='')}", f"/search?domain={quote(HTML)}"),
    ]

    shown = {page: http.get(page).text for page in pages}

    assert broken.status_code in (202, 415, 422)
    assert [page for page, text in shown.items() if "<img src" in text or "<script>alert" in text] == []
    assert HTML not in "".join(shown.values())
    assert "&lt;img src=x" in shown[pages[7]]


def test_an_upload_lands_nowhere_but_in_its_folder(http: httpx.Client, library: Library, tmp_path: Path) -> None:
    names = ("../../../../tmp/evil.jsonl", "/etc/cron.d/evil", "..\\..\\evil", "a\0b", "." * 300, "con", "")
    before = {path.name for path in library.stack.home.iterdir()}
    for name in names:
        answer = http.post("/v1/files", params={"domain": "document"}, files={"file": (name, b'{"text": "a"}\n')})
        assert answer.status_code in (202, 400, 422), (name, answer.text)
        if answer.status_code == 202:
            assert Path(answer.json()["source"]).parent.name == "uploads"

    assert {path.name for path in library.stack.home.iterdir()} - before <= {"uploads"}
    assert not Path("/tmp/evil.jsonl").exists()


def test_many_cookies_are_no_trouble(http: httpx.Client) -> None:
    cookies = "; ".join(f"c{n}={'x' * 20}" for n in range(1_000))

    answer = http.get("/jobs", headers={"Cookie": cookies + "; pcw_form=short; pcw_session=" + "y" * 2_000})

    assert answer.status_code == 200
