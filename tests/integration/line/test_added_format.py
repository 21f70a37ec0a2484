"""A format that is added to the reader needs nothing else: its files become stored rows and dead letters."""

from __future__ import annotations

import pytest

from pc_worker.domains import Options
from pc_worker.services.ingest.split import split
from pc_worker.services.ingest.submit import IngestRequest, submit
from tests.model.line import DOMAIN, Line
from tests.support.added_format import add_format


def test_a_file_of_an_added_format_is_ingested(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    add_format(monkeypatch)
    path = line.folder / "words.properties"
    path.write_text("#properties\na=one\nb=two\0\nc=three\nd=four\n")
    options = Options(id_column="key", text_columns=("value",))

    submit(line.services, IngestRequest(path=str(path), domain=DOMAIN, chunk_size=3, options=options), "added")
    split(line.services, "added")
    job = line.finish("added")

    assert (job.state, job.rows_written, job.rows_dead) == ("partial", 3, 1)
    assert line.texts() == {"a": "one", "c": "three", "d": "four"}
    assert line.query("SELECT row_no, reason FROM dead_letters") == [(1, "value: holds a NUL character")]
