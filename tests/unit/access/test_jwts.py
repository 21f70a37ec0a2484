from __future__ import annotations

import asyncio
import base64
import hmac
import json
import threading
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from pc_worker.access.jwks import FRESH_S, MAX_FETCHES, WITHIN_S, KeySet, parse_keys
from pc_worker.access.jwts import JwtVerifier
from pc_worker.errors import InvalidRequest, Unauthenticated, Unavailable
from tests.support.issuer import AUDIENCE, ISSUER, Issuer, serving_keys

CLAIMS: dict[str, Any] = {"pcw_domains": ["recruit", "law"], "pcw_roles": ["read", "owner"]}


@pytest.fixture
def issuer() -> Issuer:
    issuer = Issuer()
    issuer.make_key("first")
    return issuer


def verifier(source: str | Path, **options: Any) -> JwtVerifier:
    return JwtVerifier(KeySet(str(source), **options), issuer=ISSUER, audience=AUDIENCE)


def publish(path: Path, text: str) -> None:
    """Replace a file at once."""
    replacement = path.with_suffix(".new")
    replacement.write_text(text)
    replacement.replace(path)


@pytest.fixture
def path(issuer: Issuer, tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_text(issuer.key_set())
    return path


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
async def test_a_token_allows_what_it_says(issuer: Issuer, path: Path, alg: str) -> None:
    issuer.make_key("second", alg)
    publish(path, issuer.key_set())

    grant = await verifier(path).grant(issuer.token("second", **CLAIMS))

    assert grant.domains == frozenset(("recruit", "law"))
    assert grant.roles == {"read"}
    assert grant.name == "somebody"
    assert grant.token is not None
    assert len(grant.token) == 64


@pytest.mark.parametrize("alg", ["RS256", "RS512", "PS256", "PS512", "ES256", "EdDSA", "Ed25519"])
@pytest.mark.parametrize("without", [(), ("alg",), ("alg", "kid", "use")])
async def test_every_algorithm_of_a_key_is_taken(path: Path, alg: str, without: tuple[str, ...]) -> None:
    issuer = Issuer(without=without)
    issuer.make_key("one", alg)
    publish(path, issuer.key_set())

    assert (await verifier(path).grant(issuer.token("one", **CLAIMS))).roles == {"read"}


async def test_a_key_with_an_algorithm_takes_no_other(path: Path) -> None:
    issuer = Issuer()
    issuer.make_key("one", "RS256")
    publish(path, issuer.key_set())
    issuer.keys["one"] = ("PS256", issuer.keys["one"][1])

    with pytest.raises(Unauthenticated):
        await verifier(path).grant(issuer.token("one", **CLAIMS))


async def test_lists_may_be_texts_with_spaces(issuer: Issuer, path: Path) -> None:
    grant = await verifier(path).grant(issuer.token("first", pcw_domains="recruit law", pcw_roles="read write"))

    assert grant.domains == frozenset(("recruit", "law"))
    assert grant.roles == {"read", "write"}


@pytest.mark.parametrize("claims", [{}, {"pcw_domains": None, "pcw_roles": None}, {"pcw_domains": {}, "pcw_roles": 3}])
async def test_a_token_without_our_claims_allows_nothing(issuer: Issuer, path: Path, claims: dict[str, Any]) -> None:
    grant = await verifier(path).grant(issuer.token("first", **claims))

    assert (grant.domains, grant.roles) == (frozenset(), frozenset())


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": time.time() - 1},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": time.time() + 86_400},
        {"iat": time.time() + 86_400},
        {"iss": "https://issuer.example.org"},
        {"iss": None},
        {"aud": "others"},
        {"aud": ["others", "yet others"]},
        {"aud": None},
    ],
)
async def test_a_token_of_another_time_or_for_others_is_refused(
    issuer: Issuer, path: Path, claims: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        await verifier(path).grant(issuer.token("first", **claims))


@pytest.mark.parametrize("field", ["nbf", "iat"])
async def test_an_issuers_clock_may_be_a_little_ahead(issuer: Issuer, path: Path, field: str) -> None:
    ahead: dict[str, Any] = {field: time.time() + 5}
    await verifier(path).grant(issuer.token("first", **CLAIMS | ahead))
    with pytest.raises(Unauthenticated, match=field):
        await verifier(path).grant(issuer.token("first", **CLAIMS | {field: "now"}))


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


async def test_the_algorithm_is_the_keys_and_not_the_tokens(issuer: Issuer, path: Path) -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 600, **CLAIMS}
    public = issuer.key_set().encode()
    unsigned = f"{part({'alg': 'none', 'kid': 'first'})}.{part(claims)}."
    signed = f"{part({'alg': 'HS256', 'kid': 'first'})}.{part(claims)}"
    signature = hmac.digest(public, signed.encode(), "sha256")
    with_secret = f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
    other = Issuer()
    other.make_key("first", "RS256")
    for token in (unsigned, with_secret, other.token("first", **CLAIMS)):
        with pytest.raises(Unauthenticated):
            await verifier(path).grant(token)


@pytest.mark.parametrize(
    "token", ["..", "a.b.c", "é.é.é", "." * 10_000, "eyJhbGciOiJFUzI1NiJ9..", f"{'A' * 20_000}.e30.x"]
)
async def test_what_is_no_token_is_refused(path: Path, token: str) -> None:
    with pytest.raises(Unauthenticated):
        await verifier(path).grant(token)


async def test_a_changed_signature_or_payload_is_refused(issuer: Issuer, path: Path) -> None:
    head, _, signature = issuer.token("first", **CLAIMS).split(".")
    more = part({"iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 600, "pcw_roles": ["admin"]})
    with pytest.raises(Unauthenticated):
        await verifier(path).grant(f"{head}.{more}.{signature}")


async def test_a_file_is_read_again_when_it_changes(issuer: Issuer, path: Path) -> None:
    checked = verifier(path)
    old = issuer.token("first", **CLAIMS)
    await checked.grant(old)

    issuer.keys.clear()
    issuer.make_key("second")
    publish(path, issuer.key_set())

    await checked.grant(issuer.token("second", **CLAIMS))
    with pytest.raises(Unauthenticated, match="does not have"):
        await checked.grant(old)
    publish(path, "{")  # being replaced
    await checked.grant(issuer.token("second", **CLAIMS))


async def test_an_unknown_key_is_fetched_but_not_without_limit(issuer: Issuer) -> None:
    now = [0.0]
    with serving_keys(issuer) as (url, asked):
        checked = verifier(f"{url}/keys", clock=lambda: now[0])
        for _ in range(3):
            await checked.grant(issuer.token("first", **CLAIMS))
        assert asked == ["/keys"]

        issuer.make_key("second")
        await checked.grant(issuer.token("second", **CLAIMS))
        assert len(asked) == 2

        stranger = Issuer()
        for number in range(50):
            stranger.make_key(str(number))
            with pytest.raises(Unauthenticated):
                await checked.grant(stranger.token(str(number), **CLAIMS))
        assert len(asked) == MAX_FETCHES

        issuer.make_key("third")
        now[0] += WITHIN_S
        await checked.grant(issuer.token("third", **CLAIMS))


async def test_tokens_with_invented_keys_do_not_keep_a_new_key_out_for_long(issuer: Issuer) -> None:
    now = [0.0]
    with serving_keys(issuer) as (url, _):
        checked = verifier(f"{url}/keys", clock=lambda: now[0])
        stranger = Issuer()
        stranger.make_key("invented")
        for _ in range(MAX_FETCHES + 1):
            with pytest.raises(Unauthenticated):
                await checked.grant(stranger.token("invented", **CLAIMS))

        issuer.make_key("second")
        now[0] += WITHIN_S / MAX_FETCHES
        await checked.grant(issuer.token("second", **CLAIMS))


async def test_known_keys_are_used_while_their_server_is_slow(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    now, answered = [0.0], threading.Event()
    stranger = Issuer()
    stranger.make_key("invented")
    with serving_keys(issuer) as (url, asked):
        checked = verifier(f"{url}/keys", clock=lambda: now[0])
        await checked.grant(issuer.token("first", **CLAIMS))
        issuer.waits_for = answered.wait
        waiting = [asyncio.create_task(checked.grant(stranger.token("invented", **CLAIMS))) for _ in range(3)]
        await asyncio.wait(waiting, timeout=0.05)

        await checked.grant(issuer.token("first", **CLAIMS))
        monkeypatch.setattr("pc_worker.access.jwks.KNOWN_WAIT_S", 0.01)
        now[0] += FRESH_S
        await checked.grant(issuer.token("first", **CLAIMS))

        assert not any(task.done() for task in waiting)
        answered.set()
        assert all(isinstance(end, Unauthenticated) for end in await asyncio.gather(*waiting, return_exceptions=True))
        assert len(asked) == 2, "all wait for one fetch"


async def test_known_keys_stay_while_their_server_is_away(issuer: Issuer) -> None:
    now = [0.0]
    with serving_keys(issuer) as (url, _):
        checked = verifier(f"{url}/keys", clock=lambda: now[0])
        await checked.grant(issuer.token("first", **CLAIMS))
    now[0] += 86_400

    await checked.grant(issuer.token("first", **CLAIMS))


async def test_a_new_key_while_the_server_of_keys_is_away_is_no_wrong_token(issuer: Issuer) -> None:
    with serving_keys(issuer) as (url, _):
        checked = verifier(f"{url}/keys")
        await checked.grant(issuer.token("first", **CLAIMS))

    issuer.make_key("second")
    for _ in range(MAX_FETCHES + 1):
        with pytest.raises(Unavailable):
            await checked.grant(issuer.token("second", **CLAIMS))


async def test_a_new_key_while_the_server_of_keys_is_slow_is_no_wrong_token(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    with serving_keys(issuer) as (url, _):
        checked = verifier(f"{url}/keys")
        await checked.grant(issuer.token("first", **CLAIMS))
        issuer.make_key("second")
        issuer.waits_for = answered.wait
        monkeypatch.setattr("pc_worker.access.jwks.FETCH_S", 0.01)
        with pytest.raises(Unavailable):
            await checked.grant(issuer.token("second", **CLAIMS))
        answered.set()


@pytest.mark.parametrize("without", [(), ("kid",)])
async def test_a_key_that_replaces_one_of_the_same_id_is_fetched(without: tuple[str, ...]) -> None:
    issuer = Issuer(without=without)
    issuer.make_key("one")
    old = issuer.token("one", **CLAIMS)
    now = [0.0]
    with serving_keys(issuer) as (url, asked):
        checked = verifier(f"{url}/keys", clock=lambda: now[0])
        await checked.grant(old)
        issuer.make_key("one")

        await checked.grant(issuer.token("one", **CLAIMS))
        assert len(asked) == 2
        with pytest.raises(Unauthenticated):
            await checked.grant(old)
    for _ in range(MAX_FETCHES + 1):
        with pytest.raises(Unauthenticated):  # of a known key, and the keys were just fetched
            await checked.grant(old)
    now[0] += FRESH_S
    with pytest.raises(Unavailable):  # it may be signed with a newer one
        await checked.grant(old)


async def test_forged_tokens_of_a_known_key_are_wrong_while_the_server_of_keys_hangs(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = Issuer()
    stranger.make_key("first")
    answered = threading.Event()
    with serving_keys(issuer) as (url, _):
        checked = verifier(f"{url}/keys")
        await checked.grant(issuer.token("first", **CLAIMS))
        issuer.waits_for = answered.wait
        monkeypatch.setattr("pc_worker.access.jwks.FETCH_S", 0.01)
        with pytest.raises(Unauthenticated):
            await checked.grant(stranger.token("first", **CLAIMS))
        answered.set()


async def test_forged_tokens_do_not_load_the_issuer(issuer: Issuer) -> None:
    stranger = Issuer()
    stranger.make_key("first")
    with serving_keys(issuer) as (url, asked):
        checked = verifier(f"{url}/keys", clock=lambda: 0.0)
        for _ in range(3 * MAX_FETCHES):
            with pytest.raises(Unauthenticated):
                await checked.grant(stranger.token("first", **CLAIMS))
        await checked.grant(issuer.token("first", **CLAIMS))
        assert len(asked) == MAX_FETCHES


@pytest.mark.parametrize("without", [("kid",), ("kid", "alg", "use")])
async def test_while_two_keys_without_ids_overlap_both_are_known(path: Path, without: tuple[str, ...]) -> None:
    issuer = Issuer(without=without)
    for name, alg in (("old", "ES256"), ("new", "ES256"), ("other", "RS256")):
        issuer.make_key(name, alg)
    publish(path, issuer.key_set())

    for name in issuer.keys:
        await verifier(path).grant(issuer.token(name, **CLAIMS))


async def test_without_any_keys_the_token_cannot_be_judged(issuer: Issuer) -> None:
    with pytest.raises(Unavailable):
        await verifier("http://127.0.0.1:9/keys").grant(issuer.token("first"))
    with serving_keys(issuer) as (url, asked), pytest.raises(Unavailable):
        await verifier(f"{url}/moved").grant(issuer.token("first"))
    assert asked == ["/moved"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'{"keys": []}',
        b'{"keys": [3]}',
        b"[" * 100_000,
        b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a", "alg": "HS256"}]}',
        b'{"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "kid": "a"}]}',
    ],
)
def test_what_is_no_set_of_public_keys_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequest, match="PC_WORKER_JWT_JWKS"):
        parse_keys(content)


def test_a_private_key_in_a_set_is_not_used(issuer: Issuer) -> None:
    _, key = issuer.keys["first"]
    private = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key)) | {"kid": "first"}
    with pytest.raises(InvalidRequest):
        parse_keys(json.dumps({"keys": [private]}).encode())


def test_a_missing_file_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="No such file"):
        KeySet(str(tmp_path / "none.json")).check()
