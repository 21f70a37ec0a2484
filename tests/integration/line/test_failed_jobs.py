"""A job that fails before its split says whether its file is at fault, or what the workers have."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

import pytest

from pc_worker.errors import ModelUnavailable, PcWorkerError, SourceRejected
from pc_worker.services.jobs.job_control import job_status, resume, source_was_rejected
from tests.model.line import Line


def test_a_missing_model_is_not_the_files_fault(line: Line) -> None:
    def missing(name: str) -> NoReturn:
        raise ModelUnavailable(f"the model {name} is not installed")

    line.query("DELETE FROM domains RETURNING domain")  # the split opens the log, with the configured model
    whole, line.services = line.services, replace(line.services, identify=missing)
    failed(line, [{"id": "a", "text": "a"}], ModelUnavailable)
    line.services = whole

    job = job_status(line.services, "job-0")
    assert (job.state, job.error_code, source_was_rejected(job)) == ("failed", "model_unavailable", False)
    assert resume(line.services, "job-0").error_code is None


def test_a_file_of_the_wrong_schema_is(line: Line) -> None:
    failed(line, [{"no id": "a", "no text": "a"}], SourceRejected)

    job = job_status(line.services, "job-0")
    assert (job.state, source_was_rejected(job)) == ("failed", True)
    assert job.error_code is not None


def failed(line: Line, rows: list[dict[str, object]], error: type[PcWorkerError]) -> None:
    with pytest.raises(error):
        line.begin(rows)
