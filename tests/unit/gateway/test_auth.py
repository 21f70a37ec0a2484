from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pc_worker.errors import InvalidRequest, PermissionDenied, Unauthenticated
from pc_worker.gateway.auth import Access, read_tokens

DIGEST = hashlib.sha256(b"narrow").hexdigest()


def _access() -> Access:
    return Access(token="wide", tokens={DIGEST: frozenset({"recruit"})})


def _metadata(value: str) -> list[tuple[str, str | bytes]]:
    return [("user-agent", "x"), ("authorization", value)]


def test_without_tokens_every_call_may_read_everything() -> None:
    Access(token=None, tokens={}).grant(()).check("recruit")


@pytest.mark.parametrize("domain", ["recruit", "law"])
def test_the_wide_token_opens_every_domain(domain: str) -> None:
    _access().grant(_metadata("Bearer wide")).check(domain)


def test_a_narrow_token_opens_its_domains() -> None:
    _access().grant(_metadata("bearer narrow")).check("recruit")


def test_a_grant_identifies_its_token_by_digest_only() -> None:
    assert _access().grant(_metadata("Bearer narrow")).token == DIGEST


def test_a_narrow_token_opens_nothing_else() -> None:
    with pytest.raises(PermissionDenied, match="law"):
        _access().grant(_metadata("Bearer narrow")).check("law")


@pytest.mark.parametrize("value", ["Bearer wrong", "Bearer ", "wide", "Basic wide", ""])
def test_any_other_token_is_rejected(value: str) -> None:
    with pytest.raises(Unauthenticated):
        _access().grant(_metadata(value))


def test_no_metadata_is_no_token() -> None:
    with pytest.raises(Unauthenticated):
        _access().grant(None)


def test_a_tokens_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps({DIGEST.upper(): ["recruit", "law"]}))

    assert read_tokens(path) == {DIGEST: frozenset({"recruit", "law"})}


@pytest.mark.parametrize("content", ["{", "[]", '{"abc": ["recruit"]}', json.dumps({DIGEST: "recruit"})])
def test_an_invalid_tokens_file_is_rejected_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(content)

    with pytest.raises(InvalidRequest, match=r"PC_WORKER_TOKENS_FILE.*tokens\.json"):
        read_tokens(path)


def test_a_missing_tokens_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="No such file"):
        read_tokens(tmp_path / "none.json")
