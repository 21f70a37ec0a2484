"""Dead letters over HTTP: listed by filter in pages, retried and dropped all at once, with progress."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.http.conftest import Library
from tests.support.frames import row_uuid, write_recruit
from tests.support.http_part import events
from tests.support.stack import LiveStack


def partial_job(stack: LiveStack, path: Path, first: int) -> str:
    """Return a job of 10 rows, three of them dead: two for their years, one for a lone surrogate in its position."""
    changes: dict[int, dict[str, Any]] = {n: {"id": row_uuid(first + n)} for n in range(10)}
    changes[2] |= {"Exp Years": "many"}
    changes[5] |= {"Exp Years": "few"}
    changes[7] |= {"Position": "half a \ud800"}
    return str(stack.ingest(write_recruit(path, 10, changes=changes), "recruit")["job_id"])


def listed(http: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    answer = http.get("/v1/dead-letters", params={"limit": 100} | query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_letters_are_listed_as_on_the_command_line_by_filter_and_in_pages(
    library: Library, http: httpx.Client, tmp_path: Path
) -> None:
    job = partial_job(library.stack, tmp_path / "r.pkl", 960_000)

    letters = listed(http, job=job)
    theirs = library.stack.run("dead", "list", "--job", job, "--json").json()
    assert [letter["row_no"] for letter in letters] == [2, 5, 7]
    assert [letter["row"] for letter in letters] == [letter["row"] for letter in theirs]
    assert [letter["row_no"] for letter in listed(http, job=job, domain="recruit", reason="POSITION")] == [7]
    assert listed(http, job=job, reason="no such reason") == []
    assert listed(http, job=job, domain="document") == []

    first = http.get("/v1/dead-letters", params={"job": job, "limit": 2}).json()
    rest = http.get("/v1/dead-letters", params={"job": job, "limit": 2, "cursor": first["next_cursor"]}).json()
    assert [letter["row_no"] for letter in first["items"] + rest["items"]] == [2, 5, 7]
    assert rest["next_cursor"] is None


def test_all_that_match_are_retried_and_dropped(library: Library, http: httpx.Client, tmp_path: Path) -> None:
    job = partial_job(library.stack, tmp_path / "r.pkl", 961_000)
    years = {"filter": {"job": job, "reason": "experience_years"}}

    retried = http.post("/v1/dead-letters/retry", json=years)
    assert retried.status_code == 200
    progress = retried.json()
    assert (progress["state"], progress["matched"], progress["done"], progress["dead"]) == ("done", 2, 2, 2)

    dropped = http.post("/v1/dead-letters/drop", json=years).json()
    assert (dropped["operation"], dropped["state"], dropped["matched"], dropped["dropped"]) == ("drop", "done", 2, 2)
    assert [letter["row_no"] for letter in listed(http, job=job)] == [7]
    status = library.stack.run("status", job, "--json").json()
    assert (status["state"], status["rows_skipped"], status["rows_dead"]) == ("partial", 2, 1)

    bare = http.post("/v1/dead-letters/drop", json={"job": job}).json()
    assert (bare["matched"], bare["dropped"]) == (1, 1)
    assert library.stack.run("status", job, "--json").json()["state"] == "completed"


@pytest.mark.parametrize("operation", ["retry", "drop"])
def test_the_progress_is_a_stream_of_events(
    library: Library, http: httpx.Client, tmp_path: Path, operation: str
) -> None:
    job = partial_job(library.stack, tmp_path / "r.pkl", 962_000)

    body, accept = {"filter": {"job": job}}, {"Accept": "text/event-stream"}
    with http.stream("POST", f"/v1/dead-letters/{operation}", json=body, headers=accept) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        seen = list(events(answer))

    assert [event.event for event in seen[:-1]] == ["progress"] * (len(seen) - 1)
    assert (seen[0].data["matched"], seen[0].data["done"]) == (3, 0)
    assert (seen[-1].event, seen[-1].data["state"], seen[-1].data["done"]) == ("done", "done", 3)
    assert [event.data["done"] for event in seen] == sorted(event.data["done"] for event in seen)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ([], 422),
        ({"filter": None}, 422),
        ({"filter": {"jobs": "x"}}, 422),
        ({"filter": {"job": "no such job"}}, 404),
        ({"filter": {"domain": "nothing"}}, 404),
        ({"filter": {"reason": "x" * 1_001}}, 422),
        ({"job": 5}, 422),
    ],
)
@pytest.mark.parametrize("operation", ["retry", "drop"])
def test_a_wrong_filter_changes_nothing(
    http: httpx.Client, library: Library, operation: str, body: Any, status: int
) -> None:
    answer = http.post(f"/v1/dead-letters/{operation}", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("job=none", 404),
        ("domain=nothing", 404),
        ("domain=", 404),
        ("cursor=eA", 400),
        ("cursor=WyJkZWFkLWxldHRlcnMiLCAieCIsICJ4IiwgIngiLCAxLCAieCJd", 400),
        ("limit=x", 422),
        ("reason=%ff", 400),
    ],
)
def test_a_wrong_list_has_its_status(http: httpx.Client, library: Library, query: str, status: int) -> None:
    answer = http.get(f"/v1/dead-letters?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
