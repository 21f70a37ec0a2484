"""Cancel and resume; which of two jobs wins a row; a job that makes no progress; a job of the inbox."""

from __future__ import annotations

from pathlib import Path

from tests.support.frames import row_uuid, write_recruit
from tests.support.stack import LiveStack
from tests.support.waiting import eventually

ROWS = 1500


def state(stack: LiveStack, job: str) -> str:
    return str(stack.query("SELECT state FROM jobs WHERE job_id = %s", job)[0][0])


def cancelled_in_the_middle(stack: LiveStack, source: Path) -> str:
    """Return a job of which some chunks are done and some are not."""
    job = str(stack.run("ingest", str(source), "--domain", "recruit", "--json").json()["job_id"])
    done = "SELECT 1 FROM chunks WHERE job_id = %s AND state = 'done'"
    with stack.paused_worker(when=lambda: stack.query(done, job)):
        assert stack.run("cancel", job, "--json").json()["state"] == "cancelled"
    not_done = "SELECT 1 FROM chunks WHERE job_id = %s AND state <> 'done'"
    assert stack.query(not_done, job), "the job was over too soon"
    return job


def head(stack: LiveStack) -> str:
    return str(stack.query("SELECT head FROM domains WHERE domain = 'recruit'")[0][0])


def test_a_cancelled_job_stops_and_a_resumed_one_ends_complete(hurt_stack: LiveStack, tmp_path: Path) -> None:
    before = head(hurt_stack)
    job = cancelled_in_the_middle(hurt_stack, write_recruit(tmp_path / "r.pkl", ROWS, first=110_000))

    assert hurt_stack.run("cancel", job).code == 2
    assert hurt_stack.run("resume", job).code == 0

    eventually(lambda: state(hurt_stack, job) == "completed", within_s=90, what="the job's end")
    assert len({row["id"] for row in hurt_stack.stream("recruit", "--after", before)}) == ROWS
    assert hurt_stack.run("resume", job).code == 2


def test_a_resumed_older_job_does_not_overwrite_a_later_one(hurt_stack: LiveStack, tmp_path: Path) -> None:
    before, changes = head(hurt_stack), {n: {"Position": "newer"} for n in range(ROWS)}
    job = cancelled_in_the_middle(hurt_stack, write_recruit(tmp_path / "old.pkl", ROWS, first=120_000))
    new = write_recruit(tmp_path / "new.pkl", ROWS, first=120_000, changes=changes)
    hurt_stack.ingest(new, "recruit")

    hurt_stack.run("resume", job)

    eventually(lambda: state(hurt_stack, job) == "completed", within_s=90, what="the older job's end")
    rows = hurt_stack.stream("recruit", "--after", before)
    assert {row["id"] for row in rows} == {row_uuid(120_000 + n) for n in range(ROWS)}
    assert {row["position.1"] for row in rows} == {"newer"}
    assert hurt_stack.query("SELECT count(*) FROM rows WHERE payload ->> 'position' = 'newer'") == [(ROWS,)]


def test_a_source_that_changed_fails_its_job_and_says_so(hurt_stack: LiveStack, tmp_path: Path) -> None:
    source = write_recruit(tmp_path / "r.pkl", ROWS, first=130_000)
    job = cancelled_in_the_middle(hurt_stack, source)
    write_recruit(source, 20, first=130_000)

    hurt_stack.run("resume", job)

    eventually(lambda: state(hurt_stack, job) == "failed", what="the job's end")
    assert "changed" in hurt_stack.run("status", job, "--json").json()["error"]


def test_a_running_job_has_an_estimate_that_grows_when_it_stands_still(hurt_stack: LiveStack, tmp_path: Path) -> None:
    source = write_recruit(tmp_path / "r.pkl", 2000, first=140_000)
    job = hurt_stack.run("ingest", str(source), "--domain", "recruit", "--json").json()["job_id"]
    several = "SELECT 1 FROM jobs WHERE job_id = %s AND chunks_done > 2"

    with hurt_stack.paused_worker(when=lambda: hurt_stack.query(several, job)):
        first, second = (hurt_stack.run("status", job, "--json").json() for _ in range(2))
        assert hurt_stack.run("cancel", job).code == 0

    assert first["state"] == "running"
    assert 0 < first["eta_s"] < second["eta_s"]


def test_a_file_dropped_into_the_inbox_is_ingested_once(hurt_stack: LiveStack) -> None:
    inbox = Path(hurt_stack.settings["PC_WORKER_INBOX"]) / "recruit"
    write_recruit(inbox / "unfinished.part", 5, first=150_000)
    source = write_recruit(inbox / "r.pkl", 30, first=150_000)

    def jobs_of(path: Path) -> list[tuple[object, ...]]:
        return hurt_stack.query("SELECT state, rows_written FROM jobs WHERE source = %s", str(path))

    eventually(lambda: jobs_of(source) == [("completed", 30)], what="the file's job")
    (inbox / "copy.pkl").write_bytes(source.read_bytes())
    taken_up = "SELECT 1 FROM inbox_files WHERE path LIKE %s AND job_id IS NOT NULL"
    eventually(lambda: hurt_stack.query(taken_up, "%copy.pkl"), what="the copy's scan")

    assert hurt_stack.query("SELECT count(*) FROM jobs WHERE source LIKE %s", f"{inbox}%") == [(1,)]
