"""A small library in the session's stack, and clients of its HTTP part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.certificates import one_authority
from tests.support.stack import LiveStack

BOOKS = [
    ("whales", "Moby Dick", "A captain hunts a white whale across the oceans.", 1851, ["sea", "whale"], "US"),
    ("monster", "Frankenstein", "A scientist gives life to a creature made of dead parts.", 1818, ["horror"], "GB"),
    ("detective", "A Study in Scarlet", "Sherlock Holmes solves a murder in London.", 1887, ["crime", "london"], "GB"),
    ("island", "Treasure Island", "A boy sails with pirates to find buried gold.", 1883, ["sea", "pirates"], "GB"),
    ("time", "The Time Machine", "A traveller visits the far future of the earth.", 1895, ["future"], "GB"),
    ("korea", "홍길동전", "홍길동이 가난한 백성을 돕는 이야기.", 1612, ["hero"], "KR"),
]


@dataclass(frozen=True, slots=True)
class Library:
    """The stack, the address of its HTTP part, and the UUIDs of the novels by key."""

    stack: LiveStack
    url: str
    ids: dict[str, str]


@pytest.fixture(autouse=True, scope="package")
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with one_authority(tmp_path_factory.mktemp("authority")):
        yield


@pytest.fixture(scope="session")
def library(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Return six novels in the domain `document`; other tests have rows there, too, so searches name the shelf."""
    path = tmp_path_factory.mktemp("library") / "books.jsonl"
    names = ("key", "title", "text", "year", "tags", "country")
    books = [
        dict(zip(names, book, strict=True)) | {"shelf": "http", "author": {"name": f"of {book[0]}"}} for book in BOOKS
    ]
    path.write_text("".join(json.dumps(book) + "\n" for book in books))
    job = stack.ingest(path, "document", "--source", "books", "--id-column", "key", "--text-column", "text")
    assert job["state"] == "completed", job
    ids = dict(stack.query("SELECT key, row_id::text FROM rows WHERE domain = 'document' AND source = 'books'"))
    return Library(stack, f"http://{stack.addresses.http.split(',')[0]}", ids)


@pytest.fixture
def http(library: Library) -> Iterator[httpx.Client]:
    """Yield a client of the HTTP part."""
    with httpx.Client(base_url=library.url, timeout=60) as client:
        yield client


def search(http: httpx.Client, **request: Any) -> dict[str, Any]:
    """Search the library."""
    answer = http.post("/v1/search", json={"domain": "document", "where": "shelf=http"} | request)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document
