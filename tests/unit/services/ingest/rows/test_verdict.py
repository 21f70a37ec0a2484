"""Which job's version of a row counts."""

from __future__ import annotations

import uuid

import pytest

from pc_worker.domains import Record
from pc_worker.model import StoredRow
from pc_worker.services.ingest.rows.prepare import Candidate
from pc_worker.services.ingest.rows.write import verdict

CANDIDATE = Candidate(
    record=Record(row_no=0, key="k", payload={}, text="t", vector=None, search_text=""),
    row_id=uuid.UUID(int=1),
    content_hash=b"a",
)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        pytest.param(None, "write", id="new"),
        pytest.param(StoredRow(job_seq=4, content_hash=b"a", embedded=True), "unchanged", id="the same"),
        pytest.param(StoredRow(job_seq=4, content_hash=b"b", embedded=True), "write", id="changed"),
        pytest.param(StoredRow(job_seq=5, content_hash=b"b", embedded=True), "write", id="changed within the job"),
        pytest.param(StoredRow(job_seq=4, content_hash=b"a", embedded=False), "write", id="no vector of this model"),
        pytest.param(StoredRow(job_seq=6, content_hash=b"b", embedded=True), "superseded", id="by a later job"),
        pytest.param(StoredRow(job_seq=6, content_hash=b"a", embedded=True), "superseded", id="same, by a later job"),
    ],
)
def test_verdict(stored: StoredRow | None, expected: str) -> None:
    assert verdict(CANDIDATE, stored, seq=5) == expected
