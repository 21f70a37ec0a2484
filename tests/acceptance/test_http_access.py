"""Who may call what over HTTP: every route, with every role, for its own domain and for another one."""

from __future__ import annotations

import base64
import itertools
import json
import re
import socket
import ssl
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from pc_worker.access import Role
from pc_worker.http.console.rendering import PageRoute
from pc_worker.http.requests.roles import Needs
from pc_worker.http.routers import PUBLIC, ROUTERS
from tests.support.certificates import make_certificates
from tests.support.frames import row_uuid, write_recruit
from tests.support.http_part import HttpPart, running_http, tokens_file
from tests.support.issuer import AUDIENCE, ISSUER, Issuer
from tests.support.stack import LiveStack

ROLES: tuple[Role, ...] = ("read", "write", "admin")
DOMAINS = ("recruit", "candidate")
ROUTES = [
    (method, route)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and route.path not in PUBLIC and not isinstance(route, PageRoute)
    for method in route.methods or ()
]
FIRST = 930_000
#: What a body names its domain by.
BODY = {
    "domain": "recruit",
    "path": "/none",
    "query": "x",
    "knowledge_id": "recruit",
    "retrieval_setting": {"top_k": 1, "score_threshold": 0},
    "filter": {"domain": "recruit"},
    "model": "builtin",
    "input": "x",
    "question": "x",
    "rating": 1,
    "to": "now",
    "shards": 2,
    "messages": [{"role": "user", "content": "x"}],
}


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    issuer = Issuer()
    issuer.make_key("first", "RS256")
    return issuer


@pytest.fixture(scope="module")
def part(stack: LiveStack, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpPart]:
    folder = tmp_path_factory.mktemp("access")
    grants: dict[str, Any] = {
        f"{domain}-{role}": {"name": f"{domain} {role}", "domains": [domain], "roles": [role]}
        for domain, role in itertools.product(DOMAINS, ROLES)
    }
    grants |= {"all-of-recruit": ["recruit"], "none": {"domains": ["recruit"], "roles": []}}
    (folder / "keys.json").write_text(issuer.key_set())
    settings = {
        "TOKENS_FILE": str(tokens_file(folder, grants)),
        "TOKEN": "wide",
        "JWT_JWKS": str(folder / "keys.json"),
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
    }
    with running_http(stack, folder, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def client(part: HttpPart) -> Iterator[httpx.Client]:
    with part.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def job(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> str:
    source = write_recruit(tmp_path_factory.mktemp("matrix") / "matrix.pkl", 3, first=FIRST)
    return str(stack.ingest(source, "recruit")["job_id"])


def role_of(dependant: Dependant) -> Role:
    found = {part.call.role for part in dependant.dependencies if isinstance(part.call, Needs)}
    (role,) = found or {role_of(part) for part in dependant.dependencies}
    return role


def address(route: APIRoute, job: str) -> str:
    names = {
        "job_id": job,
        "domain": "recruit",
        "row_id": row_uuid(FIRST + 900),
        "name": "none",
        "answer_id": row_uuid(1),
        "model": "pcw/recruit",
    }
    path = re.sub(r"{(\w+)[^}]*}", lambda found: names[found[1]], route.path)
    return path + ("?domain=recruit" if route.path == "/v1/files" else "")


def call(
    client: httpx.Client, authorization: str | None, method: str, route: APIRoute, job: str, **body: Any
) -> httpx.Response:
    """Call a route, with a body that names the domain wherever it has one."""
    headers = {"Accept": "application/json, text/event-stream"}
    if authorization is not None:
        headers["Authorization"] = authorization
    if not body and route.path == "/v1/files":
        body = {"content": b"\x00"}
    elif not body and method == "POST":
        body = {"json": {name: BODY[name] for name in body_fields(route) if name in BODY}}
    headers |= body.pop("headers", {})
    return client.request(method, address(route, job), headers=headers, **body)


def body_fields(route: APIRoute) -> list[str]:
    field = route.body_field
    annotation: Any = None if field is None else field.field_info.annotation
    return list(getattr(annotation, "model_fields", ()))


@pytest.mark.parametrize(("method", "route"), ROUTES, ids=lambda part: getattr(part, "path", part))
def test_a_route_is_open_to_its_role_and_its_domain_only(
    client: httpx.Client, job: str, method: str, route: APIRoute
) -> None:
    needed = role_of(route.dependant)
    for token in ("none", *(f"{domain}-{role}" for domain in DOMAINS for role in ROLES if role != needed)):
        response = call(client, f"Bearer {token}", method, route, job)
        assert (response.status_code, response.json()["code"]) == (403, "permission_denied"), token

    other = call(client, f"Bearer candidate-{needed}", method, route, job)
    own = call(client, f"Bearer recruit-{needed}", method, route, job)

    assert own.status_code not in (401, 403), own.text
    assert own.status_code < 500 or own.json()["code"] == "no_llm", own.text
    names_a_domain = (
        "{" in route.path or route.path == "/v1/files" or {"domain", "knowledge_id"} & {*body_fields(route)}
    )
    if names_a_domain:
        assert other.status_code == 404, other.text


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", "Basic d2lkZQ==", "wide", "Bearer wide wide", "Bearer a.b.c"]
)
def test_without_a_known_token_nothing_is_open(client: httpx.Client, job: str, authorization: str | None) -> None:
    for method, route in ROUTES:
        response = call(client, authorization, method, route, job)
        kind = {"Content-Type": "text/x"}
        broken = call(client, authorization, method, route, job, content=b"{", headers=kind)

        assert (response.status_code, broken.status_code) == (401, 401), route.path
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert response.json()["code"] == "unauthenticated"


def test_a_domain_of_others_looks_like_one_that_does_not_exist(part: HttpPart, job: str) -> None:
    with part.client("candidate-read") as client:
        shown = {
            path: re.sub(r"recruit|nobody|[0-9a-f-]{32,36}", "-", client.get(path).text)
            for path in (
                "/v1/domains/recruit",
                "/v1/domains/nobody",
                f"/v1/jobs/{job}",
                f"/v1/jobs/{uuid.uuid4()}",
                "/v1/jobs?domain=recruit",
                "/v1/jobs?domain=nobody",
            )
        }
        lists = [
            client.get(path).json() for path in ("/v1/jobs", "/v1/domains", "/v1/subscriptions", "/v1/dead-letters")
        ]

    texts = list(shown.values())
    assert texts[0::2] == texts[1::2]
    assert "recruit" not in json.dumps(lists)


def test_a_narrow_token_is_not_told_the_names_of_other_domains(part: HttpPart) -> None:
    with part.client("candidate-write") as client:
        response = client.post("/v1/jobs", json={"path": "/x", "domain": "nobody"})

    assert response.status_code == 404
    assert "recruit" not in response.text


def test_a_jwt_opens_what_its_claims_say(client: httpx.Client, issuer: Issuer, job: str) -> None:
    reader = issuer.token("first", pcw_domains=["recruit"], pcw_roles=["read"])
    other = issuer.token("first", pcw_domains=["candidate"], pcw_roles=["read", "write", "admin"])
    head, _, signature = reader.split(".")
    more = base64.urlsafe_b64encode(json.dumps({"pcw_roles": ["admin"]}).encode()).decode().rstrip("=")

    def status(token: str, method: str, path: str) -> int:
        return client.request(method, path, headers={"Authorization": f"Bearer {token}"}).status_code

    assert status(reader, "GET", f"/v1/jobs/{job}") == 200
    assert status(reader, "POST", f"/v1/jobs/{job}/cancel") == 403
    assert status(other, "GET", f"/v1/jobs/{job}") == 404
    assert status(issuer.token("first"), "GET", "/v1/jobs") == 403
    assert status(issuer.token("first", pcw_roles=["read"]), "GET", f"/v1/jobs/{job}") == 404
    assert status(f"{head}.{more}.{signature}", "GET", "/v1/jobs") == 401
    assert status(issuer.token("first", exp=1, pcw_roles=["read"]), "GET", "/v1/jobs") == 401


def test_the_log_names_callers_but_no_token_query_or_content(part: HttpPart, job: str) -> None:
    with part.client("recruit-read") as client:
        client.headers["X-Request-Id"] = "traced-1"
        response = client.get("/v1/jobs?domain=recruit&state=failed")
        client.post("/v1/search", json={"query": "secretquery", "domain": "recruit"})
        odd = client.get("/healthz", headers={"X-Request-Id": 'no"good\\'})

    text = part.log.read_text()
    (line,) = [line for line in text.splitlines() if "traced-1" in line and "route=/v1/jobs " in line]
    assert response.headers["x-request-id"] == "traced-1"
    assert "recruit read" in line
    assert "status=200" in line
    assert re.fullmatch(r"[0-9a-f]{32}", odd.headers["x-request-id"])
    for secret in ("recruit-read", "secretquery", "state=failed", "wide"):
        assert secret not in text


def test_a_page_of_another_host_calls_nothing_where_no_token_is_needed(stack: LiveStack) -> None:
    with httpx.Client(base_url=f"http://{stack.addresses.http}") as client:
        foreign = client.get("/v1/jobs", headers={"Origin": "https://evil.example.org"})
        rebound = client.get("/v1/jobs", headers={"Host": "evil.example.org"})
        sandboxed = client.post("/v1/files?domain=recruit", content=b"a", headers={"Origin": "null"})
        own = client.get("/v1/jobs", headers={"Origin": f"http://{stack.addresses.http}"})

    assert (foreign.status_code, rebound.status_code, sandboxed.status_code, own.status_code) == (403, 403, 403, 200)


def test_other_origins_are_open_only_where_they_are_set(stack: LiveStack, part: HttpPart, tmp_path: Path) -> None:
    asked = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "GET"}
    with part.client() as client:
        assert "access-control-allow-origin" not in client.options("/v1/jobs", headers=asked).headers
    settings = {"HTTP_CORS_ORIGINS": "https://app.example.org", "TOKEN": "wide"}
    with running_http(stack, tmp_path, **settings) as opened, opened.client("wide") as client:
        preflight = client.options("/v1/jobs", headers=asked)
        real = client.get("/v1/jobs", headers={"Origin": "https://app.example.org"})
        other = client.get("/v1/jobs", headers={"Origin": "https://other.example.org"})

    assert preflight.headers["access-control-allow-origin"] == "https://app.example.org"
    assert real.headers["access-control-allow-origin"] == "https://app.example.org"
    assert "access-control-allow-credentials" not in preflight.headers
    assert "access-control-allow-origin" not in other.headers


def test_beyond_loopback_it_needs_tls_and_tokens(stack: LiveStack, tmp_path: Path) -> None:
    failing = pytest.raises(AssertionError, match=r"error: .*PC_WORKER_INSECURE")
    with failing, running_http(stack, tmp_path, HTTP_ADDRESS="0.0.0.0:0", TOKEN="wide"):
        pass


def test_a_port_that_is_taken_is_named(stack: LiveStack, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        failing = pytest.raises(AssertionError, match=f"error: .*{address}")
        with failing, running_http(stack, tmp_path, HTTP_ADDRESS=address):
            pass


def test_tls_is_served_to_clients_of_the_authority(stack: LiveStack, tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    settings = {"TLS_CERT": str(files["server.pem"]), "TLS_KEY": str(files["server.key"]), "TOKEN": "wide"}
    with (
        running_http(stack, tmp_path, **settings) as part,
        part.client("wide", verify=ssl.create_default_context(cafile=files["ca.pem"])) as client,
    ):
        assert client.get("/v1/jobs?limit=1").status_code == 200
