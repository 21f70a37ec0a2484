"""Rows whose cells are as they were are recognised before they are cleaned, and treated as if they had been cleaned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from pc_worker.errors import SourceRejected
from pc_worker.services.forget import forget_ids, forget_source
from pc_worker.services.ingest import process_chunk
from pc_worker.services.ingest.rows import unchanged
from pc_worker.services.ingest.rows.prepare import clean_rows
from tests.model.line import DOMAIN, Line, Row

ROWS: list[Row] = [{"id": key, "text": f"{key} on the shelf", "n": n} for n, key in enumerate("abcde")]


@pytest.fixture
def cleaned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many rows of each chunk were cleaned."""
    numbers: list[int] = []

    def counting(*args: Any, **kwargs: Any) -> Any:
        numbers.append(len(kwargs["keys"]) - len(kwargs["left_out"]))
        return clean_rows(*args, **kwargs)

    monkeypatch.setattr(process_chunk, "clean_rows", counting)
    return numbers


def test_unchanged_rows_are_counted_but_not_cleaned(line: Line, cleaned: list[int]) -> None:
    first = line.ingest(ROWS)
    head = line.query("SELECT head FROM domains WHERE domain = %s", DOMAIN)
    again = line.ingest(ROWS)

    assert cleaned == [3, 2, 0, 0]
    assert (first.rows_written, again.rows_unchanged, again.rows_written) == (5, 5, 0)
    assert line.query("SELECT head FROM domains WHERE domain = %s", DOMAIN) == head
    assert line.query("SELECT count(DISTINCT (job_seq, seen_seq)), max(job_seq) > 1 FROM rows") == [(1, True)]


def test_changed_new_moved_and_twisted_rows_are_cleaned(line: Line, cleaned: list[int]) -> None:
    line.ingest(ROWS)
    changed = [
        *reversed(ROWS[:3]),
        {"id": "d", "text": "another", "n": 3},
        {"id": "e", "text": "e on the shelf", "n": 4.0},
    ]
    again = line.ingest([*changed, {"id": "f", "text": "new", "n": 9}])

    assert cleaned[2:] == [0, 3], "a row may stand elsewhere in its file; 4.0 is no 4"
    assert (again.rows_unchanged, again.rows_written) == (3, 3)
    assert line.texts()["d"] == "another"


def test_a_row_of_another_jobs_version_is_written_again(line: Line, cleaned: list[int]) -> None:
    line.ingest(ROWS)
    line.ingest([{"id": "a", "text": "between", "n": 0}])
    again = line.ingest(ROWS)

    assert (again.rows_written, again.rows_unchanged) == (1, 4)
    assert line.texts()["a"] == "a on the shelf"
    assert line.ingest(ROWS).rows_unchanged == 5
    assert cleaned[-2:] == [0, 0]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE rows SET cells_hash = NULL", id="of an earlier version"),
        pytest.param("UPDATE rows SET content_hash = sha256('else')", id="written by a version without the hash"),
        pytest.param("DELETE FROM embeddings", id="without a vector"),
    ],
)
def test_rows_that_cannot_be_recognised_are_cleaned_and_then_recognised(
    line: Line, cleaned: list[int], change: str
) -> None:
    line.ingest(ROWS)
    line.query(change)
    again = line.ingest(ROWS)

    assert cleaned[2:] == [3, 2]
    assert again.rows_unchanged + again.rows_written == 5
    line.ingest(ROWS)
    assert cleaned[4:] == [0, 0]


def test_a_file_that_is_read_in_another_way_is_cleaned(line: Line, cleaned: list[int]) -> None:
    line.ingest([row | {"n": str(row["n"])} for row in ROWS])
    line.ingest([{name: row[name] for name in ("text", "id", "n")} | {"n": str(row["n"])} for row in ROWS])

    assert sum(cleaned) in (5, 10), "another order of columns may count as another way to read them"


@pytest.mark.parametrize("forgotten", ["row", "source"])
@pytest.mark.parametrize("when", ["before the chunk", "between look-up and lock"])
def test_a_forgotten_row_ends_as_if_it_had_been_cleaned(
    line: Line, cleaned: list[int], monkeypatch: pytest.MonkeyPatch, forgotten: str, when: str
) -> None:
    line.ingest(ROWS)
    later, elsewhere = line.begin(ROWS), line.aside()

    def forget() -> None:
        if forgotten == "row":
            forget_ids(elsewhere, DOMAIN, [UUID(str(line.row_id("a")))])
        else:
            forget_source(elsewhere, DOMAIN, "shelf")

    if when == "before the chunk":
        forget()
    else:
        after_look_up(monkeypatch, forget)
    status = line.finish(later)

    gone = 1 if forgotten == "row" else 5
    assert (status.rows_skipped, status.rows_unchanged, status.state) == (gone, 5 - gone, "completed")
    assert len(line.texts()) == 5 - gone
    assert line.ingest(ROWS).rows_written == gone


def test_a_row_that_changes_between_look_up_and_lock_is_cleaned(
    line: Line, cleaned: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    line.ingest(ROWS)
    older, later = line.begin([{"id": "a", "text": "between", "n": 0}]), line.begin(ROWS)
    after_look_up(monkeypatch, lambda: line.finish(older))
    status = line.finish(later)

    assert (status.rows_written, status.rows_unchanged) == (1, 4)
    assert line.texts()["a"] == "a on the shelf"


def test_an_older_job_leaves_the_rows_of_a_later_one(line: Line, cleaned: list[int]) -> None:
    line.ingest(ROWS)
    older = line.begin(ROWS)
    line.ingest([{"id": "a", "text": "later", "n": 0}])
    status = line.finish(older)

    assert (status.rows_skipped, status.rows_unchanged) == (1, 4)
    assert line.texts()["a"] == "later"


def after_look_up(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Do something once, after the unchanged rows of a chunk were recognised and before they are locked."""
    recognise, done = unchanged.find_same, list[bool]()

    def step(*args: Any, **kwargs: Any) -> Any:
        found = recognise(*args, **kwargs)
        if not done:
            done.append(True)
            monkeypatch.setattr(process_chunk, "find_same", recognise)
            do()
        return found

    monkeypatch.setattr(process_chunk, "find_same", step)


@pytest.mark.parametrize("times", [1, 2], ids=["first", "again"])
def test_rows_with_keys_and_names_that_cannot_be_stored_are_dead_and_the_others_written(line: Line, times: int) -> None:
    bad: list[Row] = [
        {"id": "a\0b", "text": "superseded"},
        {"id": "a\0b", "text": "dead"},
        {"id": "\ud800", "text": ""},
        {"id": "p", "text": "a name with NUL", "x\0y": 1},
        {"id": "q", "text": "half a pair", "x\ud800": 1},
    ]

    for _ in range(times):
        job = line.ingest([*ROWS, *bad])

    assert (job.state, job.rows_dead, job.rows_skipped) == ("partial", 4, 1)
    assert job.rows_written + job.rows_unchanged == 5


def test_an_error_that_cannot_be_stored_is_stored_with_escapes(line: Line) -> None:
    with pytest.raises(SourceRejected):
        line.ingest([{"x\0y\ud800": 1}])

    [(state, error)] = line.query("SELECT state, error FROM jobs")
    assert (state, error.endswith('the file has "x\\x00y\\ud800"')) == ("failed", True)


def test_a_text_that_is_too_long_to_be_sent_is_not_embedded(line: Line) -> None:
    job = line.ingest([{"id": "long", "text": "한" * 1_500_000}, {"id": "short", "text": "written"}])

    assert (job.state, job.rows_dead, job.rows_written, job.texts_encoded) == ("partial", 1, 1, 1)
    [(reason,)] = line.query("SELECT reason FROM dead_letters")
    assert reason.startswith("the row is more than 4,5")
