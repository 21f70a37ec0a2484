from __future__ import annotations

import hashlib

import pytest

from pc_worker.access import Grant
from pc_worker.errors import PermissionDenied, Unauthenticated
from pc_worker.gateway.auth import Access

DIGEST = hashlib.sha256(b"narrow").hexdigest()


def _access() -> Access:
    return Access(token="wide", tokens={DIGEST: Grant(None, frozenset({"recruit"}))})


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


def test_a_token_without_the_role_read_opens_no_call() -> None:
    access = Access(token=None, tokens={DIGEST: Grant(None, frozenset({"recruit"}), frozenset({"write"}))})

    with pytest.raises(PermissionDenied, match="'read'"):
        access.grant(_metadata("Bearer narrow"))
