"""`plan` estimates an ingest and writes nothing; `status` shows where its time goes."""

from __future__ import annotations

from pathlib import Path

from tests.support.frames import write_documents, write_recruit
from tests.support.stack import LiveStack

COUNTS = ("rows_written", "rows_unchanged", "rows_skipped", "rows_dead")
STORED = (
    "SELECT (SELECT count(*) FROM rows), (SELECT count(*) FROM identities), (SELECT count(*) FROM jobs),"
    " (SELECT sum(head) FROM domains), (SELECT count(*) FROM pg_class WHERE relpersistence = 't')"
)


def test_a_plan_of_a_small_file_is_what_then_happens(stack: LiveStack, tmp_path: Path) -> None:
    texts = [f"planned {n % 90} words " * (1 + n % 40) for n in range(400)] + ["", " "]
    source = write_documents(tmp_path / "planned.pkl", texts)

    plan = stack.run("plan", str(source), "--domain", "document", "--json").json()
    job = stack.ingest(source, "document")

    assert plan["rows"] == plan["sampled_rows"] == job["rows_total"] == 402
    assert {name: plan[name] for name in COUNTS} == {name: job[name] for name in COUNTS}
    assert plan["texts"] - plan["texts_known"] == job["texts_encoded"]
    ((tokens,),) = stack.query("SELECT sum(tokens_encoded) FROM chunks WHERE job_id = %s", job["job_id"])
    assert plan["tokens"] == tokens
    assert sum(entry["rows"] for entry in plan["token_histogram"]) == 400
    assert min(plan["seconds"], plan["memory_bytes"], plan["disk_bytes"]) > 0


def test_a_plan_writes_nothing(stack: LiveStack, tmp_path: Path) -> None:
    source = write_recruit(tmp_path / "r.pkl", 50)
    before = stack.query(STORED)

    assert stack.run("plan", str(source), "--domain", "recruit").code == 0

    assert stack.query(STORED) == before


def test_a_plan_knows_duplicates_dead_and_unchanged_rows(stack: LiveStack, tmp_path: Path) -> None:
    first = write_recruit(tmp_path / "a.pkl", 60)
    stack.ingest(first, "recruit")
    changes: dict[int, dict[str, object]] = {3: {"Exp Years": "nonsense"}, 4: {"skills": None}, 5: {"Position": "new"}}
    for row in (7, 8):
        changes[row] = {"id": str(_id_of(first, 9))}
    second = write_recruit(tmp_path / "b.pkl", 60, changes=changes)

    plan = stack.run("plan", str(second), "--domain", "recruit", "--json").json()
    job = stack.ingest(second, "recruit")

    assert plan["duplicates"] == 2
    assert {name: plan[name] for name in COUNTS} == {name: job[name] for name in COUNTS}
    assert plan["rows_unchanged"] > 50


def _id_of(source: Path, row: int) -> object:
    import pandas as pd

    return pd.read_pickle(source)["data_frame"]["id"][row]


def test_a_large_file_is_sampled_and_timed_by_past_jobs(stack: LiveStack, tmp_path: Path) -> None:
    stack.ingest(write_recruit(tmp_path / "past.pkl", 30, changes={0: {"Position": "past"}}), "recruit")
    source = write_recruit(tmp_path / "large.pkl", 2400)

    plan = stack.run("plan", str(source), "--domain", "recruit", "--json").json()

    assert (plan["rows"], plan["sampled_rows"], plan["basis"]) == (2400, 1800, "measured")
    assert sum(plan[name] for name in COUNTS) == 2400


def test_what_cannot_be_ingested_cannot_be_planned(stack: LiveStack, tmp_path: Path) -> None:
    documents = write_documents(tmp_path / "d.pkl", ["a text"])

    assert stack.run("plan", str(tmp_path / "missing.pkl"), "--domain", "recruit").code == 65
    assert stack.run("plan", str(documents), "--domain", "recruit").code == 65
    assert stack.run("plan", str(documents), "--domain", "unknown").code == 2


def test_the_status_of_a_job_tells_its_stages_and_its_pace(stack: LiveStack, tmp_path: Path) -> None:
    job = stack.ingest(write_recruit(tmp_path / "timed.pkl", 320, changes={1: {"Position": "timed"}}), "recruit")

    status = stack.run("status", job["job_id"], "--json").json()

    assert {name: status[name] for name in job} == job
    assert set(status) - set(job) == {"stage_seconds", "rows_per_s", "eta_s", "tokens_encoded", "cost_usd"}
    assert all(seconds > 0 for seconds in status["stage_seconds"].values())
    assert status["rows_per_s"] > 0
    assert status["eta_s"] is None
    assert "seconds by stage" in stack.run("status", job["job_id"]).out
