from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from pc_worker.access import ALL_ROLES, Grant, TokenTable, digest_of, read_tokens
from pc_worker.access import tokens as token_files
from pc_worker.access.tokens import CHECK_EVERY_S
from pc_worker.errors import InvalidRequest, PermissionDenied

DIGEST = hashlib.sha256(b"narrow").hexdigest()
OBJECT = {"name": "Reports", "domains": ["recruit"], "roles": ["read", "write"]}


def tokens_file(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "tokens.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_list_of_domains_has_all_roles(tmp_path: Path) -> None:
    path = tokens_file(tmp_path, {DIGEST.upper(): ["recruit", "law"]})

    assert read_tokens(path) == {DIGEST: Grant(DIGEST, frozenset({"recruit", "law"}), ALL_ROLES)}


def test_an_object_has_its_roles_and_its_name(tmp_path: Path) -> None:
    path = tokens_file(tmp_path, {DIGEST: OBJECT})

    assert read_tokens(path) == {
        DIGEST: Grant(DIGEST, frozenset({"recruit"}), frozenset({"read", "write"}), "Reports"),
    }


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[" * 100_000,
        [],
        {},
        {"abc": ["recruit"]},
        {DIGEST: "recruit"},
        {DIGEST: [1]},
        {DIGEST: {"domains": ["recruit"]}},
        {DIGEST: {"roles": ["read"]}},
        {DIGEST: OBJECT | {"roles": ["owner"]}},
        {DIGEST: OBJECT | {"roles": "read"}},
        {DIGEST: OBJECT | {"domains": None}},
        {DIGEST: OBJECT | {"name": 3}},
        {DIGEST: OBJECT | {"until": "2030-01-01"}},
    ],
)
def test_an_invalid_tokens_file_is_rejected_by_name(tmp_path: Path, content: object) -> None:
    with pytest.raises(InvalidRequest, match=r"PC_WORKER_TOKENS_FILE.*tokens\.json"):
        read_tokens(tokens_file(tmp_path, content))


def test_a_missing_tokens_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="No such file"):
        read_tokens(tmp_path / "none.json")


@pytest.mark.parametrize(("role", "allowed"), [("read", True), ("write", False), ("admin", False)])
def test_no_role_includes_another_one(role: str, allowed: bool) -> None:
    grant = Grant(None, None, frozenset({"read"}))
    if allowed:
        grant.check_role(role)  # type: ignore[arg-type]
        return
    with pytest.raises(PermissionDenied, match=role):
        grant.check_role(role)  # type: ignore[arg-type]


def test_a_table_finds_the_grant_of_a_token() -> None:
    narrow = Grant(None, frozenset({"recruit"}), frozenset({"read"}), "Reports")
    table = TokenTable(token="wide", tokens={DIGEST: narrow})

    wide, found = table.find("wide"), table.find("narrow")

    assert table
    assert wide is not None
    assert wide.domains is None
    assert found == Grant(DIGEST, narrow.domains, narrow.roles, narrow.name)
    assert table.find("other") is None
    assert table.find("\ud800") is None
    assert not TokenTable(token=None, tokens={})


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    now, path = [0.0], tmp_path / "tokens.json"

    def publish(content: str) -> None:
        replacement = tmp_path / "new"
        replacement.write_text(content)
        replacement.replace(path)
        now[0] += CHECK_EVERY_S

    first, second = (json.dumps({digest_of(token).hex(): ["recruit"]}) for token in ("first", "second"))
    publish(first)
    table = TokenTable(token="always", path=path, clock=lambda: now[0])
    assert table.find("first")
    publish(second)
    assert (table.find("first"), bool(table.find("second"))) == (None, True)
    publish("{")
    assert table.find("second"), "a file that cannot be read changes nothing"
    path.unlink()
    now[0] += CHECK_EVERY_S
    assert table.find("second")
    publish("{}")
    assert (table.find("second"), bool(table.find("always")), bool(table)) == (None, True, True)


def test_a_file_that_could_not_be_read_is_read_once_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, path, reported = [0.0], tmp_path / "tokens.json", list[str]()
    path.write_text(json.dumps({digest_of("revoked").hex(): ["recruit"]}))
    table = TokenTable(path=path, clock=lambda: now[0])
    path.write_text(json.dumps({digest_of("new one").hex(): ["recruit", "law"]}))

    def refuse(path: Path, *, may_be_empty: bool) -> NoReturn:
        raise InvalidRequest("cannot read: Too many open files")

    with monkeypatch.context() as refusing:
        refusing.setattr(token_files, "read_tokens", refuse)
        refusing.setattr(token_files, "log", SimpleNamespace(error=lambda event, **_: reported.append(event)))
        for _ in range(3):
            now[0] += CHECK_EVERY_S
            assert table.find("revoked")
    now[0] += CHECK_EVERY_S

    assert (table.find("revoked"), bool(table.find("new one"))) == (None, True)
    assert reported == ["tokens_not_read"], "each state of the file is reported once"


def test_a_file_that_loses_its_last_token_lets_nobody_in(tmp_path: Path) -> None:
    now, path = [0.0], tmp_path / "tokens.json"
    path.write_text(json.dumps({digest_of("only").hex(): ["recruit"]}))
    table = TokenTable(path=path, clock=lambda: now[0])
    path.write_text("{}")
    now[0] += CHECK_EVERY_S
    assert table.find("only") is None
    assert table, "tokens are still needed"
