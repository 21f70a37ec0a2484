"""Rows of a shelf of their own in the session's stack, its four faces, and what they make of one request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.support.faces import Faces, Outcome, faces_of, search_message, search_words
from tests.support.stack import LiveStack

DOMAIN = "document"
MINE = "shelf=faces"
WORDS = ("whale", "ocean", "captain", "pirate", "gold", "murder", "future")
#: What each face answers when a request is wrong.
WRONG = {"command": 2, "task": "InvalidRequest", "grpc": "INVALID_ARGUMENT", "http": 422}


@pytest.fixture(scope="package")
def faces(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faces]:
    path = tmp_path_factory.mktemp("faces") / "rows.jsonl"
    path.write_text("".join(json.dumps(_row(number)) + "\n" for number in range(40)))
    job = stack.ingest(path, DOMAIN, "--source", "faces", "--id-column", "key", "--text-column", "text")
    assert job["state"] == "completed", job
    with faces_of(stack) as running:
        yield running


def _row(number: int) -> dict[str, Any]:
    first, second, third = (WORDS[number * factor % len(WORDS)] for factor in (1, 3, 5))
    return {
        "key": f"k{number}",
        "shelf": "faces",
        "text": f"The {first} meets the {second} near the {third} in {1800 + number}.",
        "n": (number, float(number), str(number), number + 0.5)[number % 4],
        "when": f"20{10 + number % 15}-0{1 + number % 9}-1{number % 10}",
        "tags": ["a", "b", "a,b"][: 1 + number % 3],
        "sign": "x=y" if number % 2 else 'x="y"',
        "wild": "50%_*\\",
        "maybe": None if number % 3 else "v",
        "deep": {"in": {"side": number % 5}, "flag": bool(number % 2)},
    }


def agreed(outcomes: Mapping[str, Outcome]) -> Outcome:
    """Check that all faces have the same document, or the same sentence, and return one of the outcomes."""
    first, *others = outcomes.values()
    for other in others:
        assert (other.document, other.sentence) == (first.document, first.sentence), outcomes
    return first


def assert_refused(outcomes: Mapping[str, Outcome]) -> None:
    assert agreed(outcomes).sentence, outcomes
    assert {name: outcome.code for name, outcome in outcomes.items()} == {name: WRONG[name] for name in outcomes}


def cases(without: tuple[str, ...], name: str, *values: Any) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
    """Return requests that have these values of one field, each with the faces that cannot say them."""
    return [({name: value}, without) for value in values]


def searched(faces: Faces, request: Mapping[str, Any], *, without: tuple[str, ...] = ()) -> dict[str, Outcome]:
    """Return what the faces make of a search; the time that it took differs."""
    asked: dict[str, Any] = {"domain": DOMAIN, **request}
    calls: dict[str, Callable[[], Outcome]] = {
        "command": lambda: faces.command(*search_words(asked)),
        "task": lambda: faces.task("pc_worker.search", asked),
        "grpc": lambda: faces.search(search_message(asked)),
        "http": lambda: faces.call("POST", "/v1/search", asked),
    }
    found = {name: call() for name, call in calls.items() if name not in without}
    for outcome in found.values():
        if outcome.document is not None:
            outcome.document.pop("took_ms", None)
    return found
