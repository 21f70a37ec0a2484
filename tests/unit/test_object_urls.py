"""URLs of objects: one spelling, no way out of a root, and lists in which a colon before ``//`` does not separate."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from pc_worker import object_urls
from pc_worker.errors import InvalidRequest
from pc_worker.object_urls import ObjectUrl, read_url
from pc_worker.settings import Settings


def test_the_examples_in_the_module_hold() -> None:
    assert doctest.testmod(object_urls).failed == 0


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("S3://bucket/a b.csv", "s3://bucket/a b.csv"),
        ("gs://bucket/a/", "gs://bucket/a/"),
        ("az://box/a%2Fb?c#d", "az://box/a%2Fb?c#d"),
        ("s3://bucket", "s3://bucket/"),
    ],
)
def test_a_url_has_one_spelling(text: str, spelling: str) -> None:
    assert str(read_url(text)) == spelling
    assert read_url(spelling) == read_url(text)


@pytest.mark.parametrize(
    "text",
    [
        *("s3://", "s3:///k", "http://h/k", "s3://box/../k", "s3://box/a/./k", "s3://a:b@c/k"),
        *("s3://box//k", "s3://box/a//k", "s3://box/a//", "s3://box/a\tk", "gs://box/\x7f"),
    ],
)
def test_what_is_no_url_of_an_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        read_url(text)


@pytest.mark.parametrize(
    ("url", "root", "inside"),
    [
        ("s3://box/in/a", "s3://box/in", True),
        ("s3://box/in/a", "s3://box/in/", True),
        ("s3://box/inner", "s3://box/in", False),
        ("s3://box/a", "s3://box", True),
        ("s3://cox/a", "s3://box", False),
        ("gs://box/a", "s3://box", False),
    ],
)
def test_a_root_contains_whole_parts_of_the_key(url: str, root: str, inside: bool) -> None:
    assert read_url(url).is_under(read_url(root)) is inside


def test_roots_may_be_folders_and_prefixes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PC_WORKER_DATA_ROOTS", f"s3://one/in:{tmp_path}:gs://two")
    monkeypatch.setenv("PC_WORKER_INBOX", "gs://two/inbox")

    settings = Settings()

    assert settings.roots == (tmp_path.resolve(),)
    assert settings.url_roots == (ObjectUrl("s3", "one", "in"), ObjectUrl("gs", "two"))
    assert settings.inbox == ObjectUrl("gs", "two", "inbox")


@pytest.mark.parametrize("value", ["http://a/b", "s3://", "s3://a/../b", ":"])
def test_a_wrong_root_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PC_WORKER_DATA_ROOTS", value)

    with pytest.raises(ValueError, match="data_roots"):
        Settings()


def test_the_shared_spool_is_a_prefix_outside_the_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_WORKER_DATA_ROOTS", "s3://one/in:gs://two")
    monkeypatch.setenv("PC_WORKER_SHARED_SPOOL", "s3://one/spool")

    assert Settings().shared_spool == ObjectUrl("s3", "one", "spool")


@pytest.mark.parametrize("value", ["/data/spool", "s3://one/in", "s3://one/in/deep", "s3://one", "gs://two/x", "s3://"])
def test_a_shared_spool_where_sources_are_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PC_WORKER_DATA_ROOTS", "s3://one/in:gs://two")
    monkeypatch.setenv("PC_WORKER_SHARED_SPOOL", value)

    with pytest.raises(ValueError, match=r"(?i)shared_spool"):
        Settings()
