"""A dead letter is retried from the unchanged source, else from its stored form; one letter never stops another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from pc_worker.errors import (
    BudgetExhausted,
    EngineRefused,
    HomeUnusable,
    ModelUnavailable,
    PcWorkerError,
    SourceDenied,
)
from pc_worker.reader import Limits
from pc_worker.services.dead_letters import retry
from pc_worker.services.dead_letters.retry import Retried, retry_dead
from pc_worker.services.ingest.rows.prepare import clean_rows
from pc_worker.services.sources import Sources
from pc_worker.store.ledger.letter_filter import LetterFilter
from tests.model.line import Line, Row

NUL = {"id": "nul", "text": "nul \0"}


def retried(line: Line) -> list[Retried]:
    return list(retry_dead(line.services, LetterFilter()))


@pytest.mark.parametrize(
    ("domain", "rows", "reason"),
    [
        ("document", [{"id": "a", "text": "one"}, {"text": "no key"}], "the key is null"),
        (
            "transcript",
            [
                {"meeting": "m", "speaker": "s", "start": 1, "end": 2, "text": "hello"},
                {"meeting": "m", "text": "no start"},
            ],
            "start: missing",
        ),
    ],
)
def test_the_stored_form_of_a_row_without_a_column_is_retried(
    line: Line, domain: str, rows: Sequence[Row], reason: str
) -> None:
    job = line.ingest(rows, domain=domain)
    line.ingest([NUL])
    assert job.rows_dead == 1
    (line.folder / "f0.jsonl").unlink()
    line.services.sources.close()

    first, second = retried(line)

    assert (first.outcome, first.reason, first.from_stored_form) == ("dead", reason, True)
    assert (second.outcome, second.from_stored_form) == ("dead", False)


def test_a_letter_that_fails_unexpectedly_does_not_stop_the_others(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.ingest([NUL, {"id": "good", "text": "good"}, NUL | {"id": "other"}], chunk_size=3)
    called, numbers = clean_rows, list[int]()

    def fails_once(*args: Any, **kwargs: Any) -> Any:
        numbers.append(len(numbers))
        if numbers == [0]:
            raise ZeroDivisionError
        return called(*args, **kwargs)

    monkeypatch.setattr(retry, "clean_rows", fails_once)
    first, second = retried(line)

    assert (first.outcome, second.outcome) == ("dead", "dead")
    assert "ZeroDivisionError" in str(first.reason)
    assert second.reason == "text: holds a NUL character"
    assert line.query("SELECT row_no FROM dead_letters ORDER BY row_no") == [(0,), (2,)]


@pytest.mark.parametrize(
    "error",
    [
        ModelUnavailable("the model is not installed"),
        EngineRefused("the engine refuses the key"),
        BudgetExhausted("the budget is spent"),
        HomeUnusable("/home", "cannot be written"),
        SourceDenied("s3://data/a.csv: its credentials have expired"),
    ],
    ids=lambda error: error.code,
)
def test_what_is_missing_here_is_said_once(line: Line, monkeypatch: pytest.MonkeyPatch, error: PcWorkerError) -> None:
    line.ingest([NUL, NUL | {"id": "second"}, NUL | {"id": "third"}])
    before = line.query("SELECT row_no, reason FROM dead_letters ORDER BY row_no")
    called, tries = clean_rows, list[int]()

    def fails_at_the_second(*args: Any, **kwargs: Any) -> Any:
        tries.append(len(tries))
        if len(tries) > 1:
            raise error
        return called(*args, **kwargs)

    monkeypatch.setattr(retry, "clean_rows", fails_at_the_second)
    letters = retry_dead(line.services, LetterFilter())

    assert next(letters).reason == "text: holds a NUL character"
    with pytest.raises(type(error)):
        next(letters)
    assert len(tries) == 2
    assert line.query("SELECT row_no, reason FROM dead_letters ORDER BY row_no") == before


def test_a_source_that_must_not_be_read_is_not_taken_for_a_changed_one(line: Line) -> None:
    line.ingest([NUL])
    elsewhere = line.folder / "elsewhere"
    line.services = replace(
        line.services, make_sources=lambda: Sources([elsewhere], spool=line.folder / "spool", limits=Limits())
    )

    (told,) = retried(line)

    assert (told.outcome, told.from_stored_form) == ("dead", False)
    assert "outside the data roots" in str(told.reason)
    assert line.query("SELECT count(*) FROM dead_letters") == [(1,)]
