"""Cancel and resume; and which of two jobs wins a row."""

from __future__ import annotations

from pathlib import Path

from tests.support.frames import row_uuid, write_recruit
from tests.support.stack import LiveStack
from tests.support.waiting import eventually

ROWS = 3000


def state(stack: LiveStack, job: str) -> str:
    return str(stack.query("SELECT state FROM jobs WHERE job_id = %s", job)[0][0])


def cancelled_in_the_middle(stack: LiveStack, source: Path) -> str:
    """A job of which some chunks are done and some are not."""
    job = str(stack.run("ingest", str(source), "--domain", "recruit", "--json").json()["job_id"])
    with stack.paused_worker(when=lambda: stack.query("SELECT 1 FROM chunks WHERE state = 'done'")):
        assert stack.run("cancel", job, "--json").json()["state"] == "cancelled"
    assert stack.query("SELECT 1 FROM chunks WHERE state <> 'done'"), "the job was over too soon"
    return job


def test_a_cancelled_job_stops_and_a_resumed_one_ends_complete(own_stack: LiveStack, tmp_path: Path) -> None:
    job = cancelled_in_the_middle(own_stack, write_recruit(tmp_path / "r.pkl", ROWS))

    assert own_stack.run("cancel", job).code == 2
    assert own_stack.run("resume", job).code == 0

    eventually(lambda: state(own_stack, job) == "completed", within_s=90, what="the job's end")
    assert len({row["id"] for row in own_stack.stream("recruit")}) == ROWS
    assert own_stack.run("resume", job).code == 2


def test_a_resumed_older_job_does_not_overwrite_a_later_one(own_stack: LiveStack, tmp_path: Path) -> None:
    job = cancelled_in_the_middle(own_stack, write_recruit(tmp_path / "old.pkl", ROWS))
    new = write_recruit(tmp_path / "new.pkl", ROWS, changes={n: {"Position": "newer"} for n in range(ROWS)})
    own_stack.ingest(new, "recruit")

    own_stack.run("resume", job)

    eventually(lambda: state(own_stack, job) == "completed", within_s=90, what="the older job's end")
    rows = own_stack.stream("recruit")
    assert {row["id"] for row in rows} == {row_uuid(n) for n in range(ROWS)}
    assert {row["position.1"] for row in rows} == {"newer"}
    assert own_stack.query("SELECT count(*) FROM rows WHERE payload ->> 'position' = 'newer'") == [(ROWS,)]


def test_a_source_that_changed_fails_its_job_and_says_so(own_stack: LiveStack, tmp_path: Path) -> None:
    source = write_recruit(tmp_path / "r.pkl", ROWS)
    job = cancelled_in_the_middle(own_stack, source)
    write_recruit(source, 20)

    own_stack.run("resume", job)

    eventually(lambda: state(own_stack, job) == "failed", what="the job's end")
    assert "changed" in own_stack.run("status", job, "--json").json()["error"]
