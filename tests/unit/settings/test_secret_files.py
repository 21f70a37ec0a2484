"""Secrets from files: the text without the end of its line, or one sentence on what is wrong, without the secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from pc_worker.errors import InvalidRequest
from pc_worker.settings.secret_files import MAX_BYTES, provider_key, secrets_in_files


@pytest.mark.parametrize("content", [b"s3cret", b"s3cret\n", b"s3cret\r\n"])
def test_the_text_of_a_file_is_the_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    monkeypatch.setenv("X_TOKEN_FILE", str(tmp_path / "file"))
    monkeypatch.setenv("ANY_KEY_FILE", str(tmp_path / "file"))

    assert secrets_in_files("X_", ["token", "other"]) == {"token": "s3cret"}
    assert provider_key("ANY_KEY") == "s3cret"


def test_a_providers_key_may_be_in_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANY_KEY", "k")

    assert (provider_key("ANY_KEY"), provider_key("NO_SUCH_KEY")) == ("k", None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\n", "is empty"),
        (b"", "is empty"),
        (b"a" * (MAX_BYTES + 1), "too long for a secret"),
        (b"s3cret\xff", "not UTF-8"),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_a_wrong_file_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    monkeypatch.setenv("X_TOKEN_FILE", str(tmp_path / "file"))

    with pytest.raises(InvalidRequest) as raised:
        secrets_in_files("X_", ["token"])

    assert str(raised.value).startswith("X_TOKEN_FILE: the file ")
    assert words in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_a_name_that_is_no_path_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {"ANY_KEY_FILE": "a\0b"})

    with pytest.raises(InvalidRequest, match="it is not a path"):
        provider_key("ANY_KEY")


def test_a_secret_and_its_file_are_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"X_TOKEN": "s3cret", "X_TOKEN_FILE": "f", "ANY_KEY": "s3cret", "ANY_KEY_FILE": "f"}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(InvalidRequest, match="X_TOKEN and X_TOKEN_FILE are both set"):
        secrets_in_files("X_", ["token"])
    with pytest.raises(InvalidRequest, match="ANY_KEY and ANY_KEY_FILE are both set"):
        provider_key("ANY_KEY")
