"""Cancel and resume; and which of two jobs wins a row."""

from __future__ import annotations

from pathlib import Path

from tests.support.frames import row_uuid, write_recruit
from tests.support.stack import LiveStack
from tests.support.waiting import eventually


def state(stack: LiveStack, job: str) -> str:
    return str(stack.query("SELECT state FROM jobs WHERE job_id = %s", job)[0][0])


def test_a_cancelled_job_stops_and_a_resumed_one_ends_complete(own_stack: LiveStack, tmp_path: Path) -> None:
    source = write_recruit(tmp_path / "r.pkl", 3000)
    job = own_stack.run("ingest", str(source), "--domain", "recruit", "--json").json()["job_id"]
    eventually(lambda: own_stack.query("SELECT 1 FROM chunks WHERE state = 'done'"), what="a first chunk")

    cancelled = own_stack.run("cancel", job, "--json")

    assert cancelled.json()["state"] == "cancelled"
    assert own_stack.run("cancel", job).code == 2
    stored = own_stack.query("SELECT count(*) FROM rows")[0][0]
    assert stored < 3000
    assert own_stack.run("resume", job).code == 0
    eventually(lambda: state(own_stack, job) == "completed", within_s=90, what="the job's end")
    assert len({row["id"] for row in own_stack.stream("recruit")}) == 3000
    assert own_stack.run("resume", job).code == 2


def test_a_resumed_older_job_does_not_overwrite_a_later_one(own_stack: LiveStack, tmp_path: Path) -> None:
    old = write_recruit(tmp_path / "old.pkl", 3000)
    job = own_stack.run("ingest", str(old), "--domain", "recruit", "--json").json()["job_id"]
    eventually(lambda: state(own_stack, job) == "running", what="the job's start")
    own_stack.run("cancel", job)
    new = write_recruit(tmp_path / "new.pkl", 3000, changes={n: {"Position": "newer"} for n in range(3000)})
    own_stack.ingest(new, "recruit")

    own_stack.run("resume", job)

    eventually(lambda: state(own_stack, job) == "completed", within_s=90, what="the older job's end")
    rows = {row["id"]: row for row in own_stack.stream("recruit")}
    assert set(rows) == {row_uuid(n) for n in range(3000)}
    assert {row["position"] for row in own_stack.stream("recruit")} == {row["position"] for row in rows.values()}
    assert own_stack.query("SELECT count(*) FROM rows WHERE payload ->> 'position' = 'newer'") == [(3000,)]


def test_a_source_that_changed_fails_its_job_and_says_so(own_stack: LiveStack, tmp_path: Path) -> None:
    source = write_recruit(tmp_path / "r.pkl", 3000)
    job = own_stack.run("ingest", str(source), "--domain", "recruit", "--json").json()["job_id"]
    eventually(lambda: state(own_stack, job) == "running", what="the job's start")
    own_stack.run("cancel", job)
    write_recruit(source, 2000)

    own_stack.run("resume", job)

    eventually(lambda: state(own_stack, job) == "failed", what="the job's end")
    assert "changed" in own_stack.run("status", job, "--json").json()["error"]
