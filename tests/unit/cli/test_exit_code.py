"""Which failed jobs blame their source, so that `ingest --wait` exits with 65."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pc_worker.cli.commands.ingest import exit_code
from pc_worker.errors import (
    HomeUnusable,
    InvalidOption,
    ModelUnavailable,
    NotServable,
    PcWorkerError,
    SourceRejected,
)
from pc_worker.model import Job, JobState

SOURCE = "/data/a.pkl"


def job(
    state: JobState, *, error: str | None = None, plan: dict[str, Any] | None = None, code: str | None = None
) -> Job:
    return Job(
        job_id="j",
        seq=1,
        domain="document",
        source=SOURCE,
        request={},
        plan=plan,
        fingerprint=None,
        model_id=1,
        state=state,
        max_dead=0,
        rows_total=10,
        rows_written=4,
        rows_unchanged=3,
        rows_skipped=2,
        rows_dead=1,
        texts_encoded=0,
        chunks_total=1,
        chunks_done=1,
        error=error,
        created_at=datetime.now(UTC),
        started_at=None,
        finished_at=None,
        error_code=code,
    )


@pytest.mark.parametrize(
    ("state", "error", "is_split", "code"),
    [
        pytest.param("completed", None, True, 0, id="completed"),
        pytest.param("partial", None, True, 1, id="dead rows"),
        pytest.param("cancelled", None, False, 1, id="cancelled"),
        pytest.param("failed", f"{SOURCE}: it is a directory", False, 65, id="rejected before the split"),
        pytest.param("failed", "domain d is declared differently from its log", False, 65, id="invalid request"),
        pytest.param("failed", f"{SOURCE}: the source changed after the job began", True, 65, id="changed source"),
        pytest.param("failed", "given up at the split: ValueError: x", False, 1, id="split attempts exhausted"),
        pytest.param("failed", "given up at chunk 0: ValueError: x", True, 1, id="chunk attempts exhausted"),
        pytest.param("failed", "the ledger does not add up", True, 1, id="rows missing"),
    ],
)
def test_the_exit_code_of_a_job(
    state: JobState, error: str | None, is_split: bool, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(job(state, error=error, plan={} if is_split else None)) == code
    assert capsys.readouterr() == ("", ""), "it only decides: the command prints the errors"


@pytest.mark.parametrize(
    ("error", "code"),
    [(ModelUnavailable, 1), (NotServable, 1), (HomeUnusable, 1), (InvalidOption, 65), (SourceRejected, 65)],
)
def test_what_the_workers_lack_is_no_fault_of_the_file(error: type[PcWorkerError], code: int) -> None:
    assert exit_code(job("failed", error="a reason", code=error.code)) == code


def test_all_outcomes_of_rows_are_accounted_for() -> None:
    assert job("completed").rows_accounted == 10
