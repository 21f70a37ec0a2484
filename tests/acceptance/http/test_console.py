"""The console, read as HTML: its pages, its sign-in, its forms, and the record of actions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from pc_worker.http.console.pages import PAGES as ALL_PAGES
from pc_worker.http.requests.roles import needs_of
from pc_worker.http.routers import PUBLIC
from tests.acceptance.http.conftest import Library
from tests.acceptance.http.test_dead_letters import partial_job
from tests.support.http_part import HttpPart, running_http, tokens_file
from tests.support.waiting import eventually

GRANTS: dict[str, Any] = {
    "operator-token": {"name": "Olga", "domains": ["document", "recruit"], "roles": ["read", "write", "admin"]},
    "reader-token": {"name": "Rita", "domains": ["document"], "roles": ["read"]},
    "nothing-token": {"name": "Nora", "domains": ["document"], "roles": []},
    "other-token": {"name": "Otto", "domains": ["skill_dic"], "roles": ["read", "write"]},
}
PAGES = ("/", "/jobs", "/dead-letters", "/search", "/consumers", "/models", "/index", "/plan", "/audit")


@pytest.fixture(scope="module")
def part(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpPart]:
    folder = tmp_path_factory.mktemp("console")
    tokens = str(tokens_file(folder, GRANTS))
    with running_http(library.stack, folder, HTTP_ADDRESS="127.0.0.1:0", TOKENS_FILE=tokens) as running:
        yield running


class Browser:
    """A client that keeps cookies and fills forms, like a browser without scripts."""

    def __init__(self, part: HttpPart) -> None:
        self.client = httpx.Client(base_url=part.url, timeout=120, follow_redirects=True)

    def get(self, path: str, /, status: int = 200, **params: Any) -> str:
        answer = self.client.get(path, params=params or None)
        assert answer.status_code == status, answer.text
        return answer.text

    def post(self, path: str, /, status: int = 200, **fields: Any) -> httpx.Response:
        secret = re.search(r'name="form_secret" value="([^"]+)"', self.client.get("/plan").text)
        assert secret is not None
        answer = self.client.post(path, data={"form_secret": secret[1], **fields})
        assert answer.status_code == status, answer.text
        return answer

    def sign_in(self, token: str) -> Browser:
        page = self.client.get("/login").text
        secret = re.search(r'name="form_secret" value="([^"]+)"', page)
        assert secret is not None
        self.client.post("/login", data={"form_secret": secret[1], "token": token, "next": "/jobs"})
        return self


@pytest.fixture
def olga(part: HttpPart) -> Browser:
    return Browser(part).sign_in("operator-token")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_shown_without_scripts_under_a_strict_policy(olga: Browser, page: str) -> None:
    answer = olga.client.get(page)

    assert answer.status_code == 200, answer.text
    assert "<h1>" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?! src=\"/static/)|\sstyle=|\son\w+=|https?://(?!127)", answer.text)


def test_without_a_token_one_is_sent_to_the_sign_in_and_back(part: HttpPart) -> None:
    browser = Browser(part)

    asked = browser.client.get("/jobs?state=failed")
    wrong = browser.client.post("/login", data={"token": "guess"})

    assert asked.url.path == "/login"
    assert asked.url.params["next"] == "/jobs?state=failed"
    assert wrong.status_code == 403
    browser.sign_in("guess")
    assert browser.client.get("/jobs").url.path == "/login"
    browser.sign_in("reader-token")
    assert browser.client.get("/jobs").url.path == "/jobs"
    assert "Rita" in browser.get("/")
    cookies = [cookie for cookie in browser.client.cookies.jar if cookie.name == "pcw_session"]
    assert "HttpOnly" in cookies[0]._rest  # type: ignore[attr-defined]  # the standard library has no public way


def test_the_sign_in_leads_to_no_other_site(part: HttpPart) -> None:
    page = Browser(part).get("/login", next="https://evil.example/")

    assert 'name="next" value="/"' in page


def test_a_form_of_another_site_is_refused(olga: Browser, library: Library) -> None:
    answers = [
        olga.client.post("/dead-letters/drop", data={"domain": "document"}),
        olga.client.post("/dead-letters/drop", data={"domain": "document", "form_secret": "x" * 43}),
        olga.client.post("/logout", headers={"Sec-Fetch-Site": "cross-site"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]


@pytest.mark.parametrize(
    ("method", "route"),
    [
        (method, route)
        for router in ALL_PAGES
        for route in router.routes
        if isinstance(route, APIRoute) and route.path not in PUBLIC
        for method in route.methods or ()
    ],
    ids=lambda value: getattr(value, "path", value),
)
def test_every_page_and_form_needs_its_role(part: HttpPart, method: str, route: APIRoute) -> None:
    path = re.sub(r"{(\w+)}", lambda name: {"what": "drop"}.get(name[1], "document"), route.path)
    needs = needs_of(route.dependant)
    assert needs is not None
    without = {"read": "nothing-token", "write": "reader-token", "admin": "other-token"}[needs.role]

    refused = Browser(part).sign_in(without).client.request(method, path)
    stranger = httpx.request(method, f"{part.url}{path}")

    assert refused.status_code == 403
    assert (stranger.status_code, stranger.headers["location"].startswith("/login")) == (303, True)


def test_a_reader_may_look_and_not_act(part: HttpPart) -> None:
    rita = Browser(part).sign_in("reader-token")

    rita.get("/dead-letters")
    rita.get("/audit", status=403)
    rita.post("/search/judge", status=403, q="x", domain="document", row="0" * 32, grade=1)
    assert "role" in rita.post("/plan/start", status=403, path="/x", domain="document").text
    rita.get("/search", status=404, q="x", domain="recruit")


def test_the_jobs_of_other_domains_do_not_exist(part: HttpPart, library: Library) -> None:
    otto, job = Browser(part).sign_in("other-token"), library.stack.run("jobs", "--json").json()[0]["job_id"]

    assert job[:8] not in otto.get("/jobs")
    assert job in otto.get(f"/jobs/{job}", status=404)
    assert "document" not in otto.get("/models")


def test_a_search_shows_three_modes_and_a_hit_can_be_judged(olga: Browser, library: Library) -> None:
    page = olga.get("/search", q="a whale in the ocean", domain="document", where="shelf=http", k="2")
    whales = library.ids["whales"]

    assert [name in page for name in ('aria-label="hybrid"', 'aria-label="vector"', 'aria-label="text"')] == [True] * 3
    assert page.count(whales) >= 3
    olga.post("/search/judge", q="a whale in the ocean", domain="document", row=whales, grade=1)
    lines = olga.get("/search/judged/document.jsonl")
    assert f'"relevant": {{"{whales}": 1.0}}' in lines
    assert 'aria-pressed="true"' in olga.get("/search", q="a whale in the ocean", domain="document")
    measured = olga.post("/search/evaluate", domain="document")
    assert _ended(olga, measured).count("ndcg@10") == 3


def _ended(browser: Browser, answer: httpx.Response) -> str:
    """Return an operation's page once it has ended."""
    path = answer.url.path
    eventually(lambda: "running" not in browser.get(f"{path}/live"), what="the operation's end")
    return browser.get(path)


def test_a_wrong_filter_is_said_beside_each_mode(olga: Browser) -> None:
    page = olga.get("/search", q="x", domain="document", where="nosuchfield=1")

    assert page.count("nosuchfield") >= 3
    assert "<ol>" not in page


def test_dead_letters_are_grouped_and_all_are_dropped(olga: Browser, library: Library, tmp_path: Path) -> None:
    job = partial_job(library.stack, tmp_path / "r.pkl", 980_000)

    page = olga.get("/dead-letters", job=job)
    dropped = _ended(olga, olga.post("/dead-letters/drop", job=job))

    assert "Drop all 3 that match" in page
    assert "3 dropped" in dropped
    assert "No dead letters match" in olga.get("/dead-letters", job=job)
    audit = olga.get("/audit")
    assert "drop dead letters" in audit


def test_a_plan_is_made_started_watched_and_ingested_again(olga: Browser, library: Library, tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text("".join(f'{{"text": "a note of the console, number {n}"}}\n' for n in range(30)))
    fields: dict[str, Any] = {"path": str(path), "domain": "document"}

    assert "Tokens" in olga.get("/plan", **fields)
    started = olga.post("/plan/start", **fields)
    job = started.url.path.rpartition("/")[2]
    eventually(lambda: "completed" in olga.get(f"/jobs/{job}/live"), what="the job's end")
    page = olga.get(f"/jobs/{job}")
    again = olga.post(f"/jobs/{job}/again").url.path
    eventually(lambda: "completed" in olga.get(f"{again}/live"), what="the second job's end")

    assert "30 written, 0 unchanged, 0 skipped, 0 dead of 30 rows" in page
    assert "0 written, 30 unchanged" in olga.get(again)
    assert olga.post(f"/jobs/{job}/cancel", status=409).text.count("complaint") == 1
    audit = olga.get("/audit")
    assert audit.index("cancel job") < audit.index("ingest again") < audit.index(str(path))
    assert "Olga" in audit


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/jobs/nosuchjob", 404),
        ("/operations/nosuch", 404),
        ("/search?q=x&domain=nosuch", 404),
        ("/search?q=x&k=5000", 422),
        ("/plan?path=/etc/passwd&domain=document", 422),
        ("/plan?path=nosuch.csv&domain=document", 422),
        ("/audit?before=x", 422),
        ("/jobs?before=nonsense", 200),
        ("/jobs?q=%00&state=nosuch", 400),
        ("/static/../console.css", 404),
        ("/static/session.py", 404),
    ],
)
def test_a_wrong_address_is_a_page_with_one_sentence(olga: Browser, path: str, status: int) -> None:
    answer = olga.client.get(path)

    assert answer.status_code == status, answer.text
    assert "Traceback" not in answer.text


def test_a_consumer_is_moved_and_the_record_says_where(olga: Browser, library: Library) -> None:
    add = "INSERT INTO subscriptions (domain, name, position, epoch) SELECT domain, 'moved', 1, epoch FROM domains"
    library.stack.query(f"{add} WHERE domain = 'document' RETURNING 1")

    page = olga.post("/consumers/seek", domain="document", name="moved", to="beginning").text
    olga.post("/consumers/seek", domain="document", name="moved", to="tomorrow", status=422)
    divided = olga.post("/consumers/reshard", domain="document", name="moved", shards=2).text

    assert "moved" in page
    assert "shard 1 of 2" in divided
    found = library.stack.query("SELECT name, position FROM subscriptions WHERE consumer = 'moved' ORDER BY 1")
    assert found == [("moved/0", 0), ("moved/1", 0)]
    assert "seek consumer" in olga.get("/audit")
    olga.post("/consumers/drop", domain="document", name="moved")
