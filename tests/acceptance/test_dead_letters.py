"""Dead letters: kept with reason and row, retried from source or stored form, dropped; the job's state follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.frames import row_uuid, write_recruit
from tests.support.stack import LiveStack


def partial_job(stack: LiveStack, path: Path, first: int) -> str:
    """Return a job of 10 rows, two of them dead; ids of its own."""
    changes: dict[int, dict[str, Any]] = {n: {"id": row_uuid(first + n)} for n in range(10)}
    changes[2] |= {"Exp Years": "many"}
    changes[7] |= {"Position": None}
    return str(stack.ingest(write_recruit(path, 10, changes=changes), "recruit")["job_id"])


def test_letters_keep_the_whole_row_and_the_reason(stack: LiveStack, tmp_path: Path) -> None:
    job = partial_job(stack, tmp_path / "r.pkl", 10_000)

    letters = stack.run("dead", "list", "--job", job, "--json").json()

    assert [letter["row_no"] for letter in letters] == [2, 7]
    assert "experience_years" in letters[0]["reason"]
    rows = stack.run("rows", str(tmp_path / "r.pkl")).lines()
    assert [letter["row"] for letter in letters] == [rows[2], rows[7]]


def test_retrying_an_unmended_row_keeps_it_dead(stack: LiveStack, tmp_path: Path) -> None:
    job = partial_job(stack, tmp_path / "r.pkl", 20_000)

    result = stack.run("dead", "retry", "--job", job, "--json")

    assert result.code == 1
    assert [letter["outcome"] for letter in result.json()] == ["dead", "dead"]
    assert not any(letter["from_stored_form"] for letter in result.json())
    assert stack.run("status", job, "--json").json()["rows_dead"] == 2


def test_a_row_whose_cause_is_gone_moves_to_written(stack: LiveStack, tmp_path: Path) -> None:
    """Remove the cause in the ledger: the letter of a good row, as after a fault that was fixed."""
    path = write_recruit(tmp_path / "r.pkl", 5, changes={n: {"id": row_uuid(30_000 + n)} for n in range(5)})
    job = stack.ingest(path, "recruit")["job_id"]
    stack.query(
        "WITH gone AS (DELETE FROM rows WHERE row_id = %s RETURNING 1), "
        "letter AS (INSERT INTO dead_letters (job_id, row_no, chunk_no, domain, reason) "
        "VALUES (%s, 1, 0, 'recruit', 'a fault') RETURNING 1), "
        "chunk AS (UPDATE chunks SET dead = 1, written = 4 WHERE job_id = %s RETURNING 1) "
        "UPDATE jobs SET rows_dead = 1, rows_written = 4, state = 'partial' WHERE job_id = %s RETURNING 1",
        row_uuid(30_001), job, job, job,
    )  # fmt: skip

    result = stack.run("dead", "retry", "--job", job, "--json")

    assert (result.code, result.json()[0]["outcome"]) == (0, "written")
    status = stack.run("status", job, "--json").json()
    assert (status["state"], status["rows_written"], status["rows_dead"]) == ("completed", 5, 0)
    assert stack.query("SELECT count(*) FROM rows WHERE row_id = %s", row_uuid(30_001)) == [(1,)]


def test_a_changed_source_is_said_and_the_stored_form_is_used(stack: LiveStack, tmp_path: Path) -> None:
    job = partial_job(stack, tmp_path / "r.pkl", 40_000)
    (tmp_path / "r.pkl").unlink()

    result = stack.run("dead", "retry", "--job", job, "--json").json()

    assert all(letter["from_stored_form"] for letter in result)


def test_dropped_letters_count_as_skipped_and_complete_the_job(stack: LiveStack, tmp_path: Path) -> None:
    job = partial_job(stack, tmp_path / "r.pkl", 50_000)

    assert stack.run("dead", "drop", "--job", job, "--json").json() == {"dropped": 2}

    status = stack.run("status", job, "--json").json()
    assert (status["state"], status["rows_skipped"], status["rows_dead"]) == ("completed", 2, 0)
    assert stack.run("dead", "list", "--job", job, "--json").json() == []
