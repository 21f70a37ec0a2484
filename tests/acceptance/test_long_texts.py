"""A chunk whose texts take too long to embed is cut: no attempt is in vain, and nothing is embedded twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.failpoints import INSIDE, Failpoints
from tests.support.frames import write_documents
from tests.support.stack import LiveStack

ROWS = 40
#: Words enough for several passages a row.
TEXTS = [" ".join(f"word{row}x{n}" for n in range(150)) for row in range(ROWS)]


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveStack]:
    """Yield a stack that finds any second group of rows too long, and groups of 20 passages."""
    points = Failpoints(tmp_path / "points")
    points.prepare()
    points.tune(
        constants={
            "pc_worker.services.ingest.process_chunk": {"PATIENCE_S": 0.0},
            "pc_worker.services.ingest.rows.embed": {"GROUP": 20},
        }
    )
    monkeypatch.setenv("PYTHONPATH", str(INSIDE))
    monkeypatch.setenv("PCW_FAULTS", str(points.folder))
    live = LiveStack(tmp_path / "home", {"PC_WORKER_DATA_ROOTS": str(tmp_path)}, "worker,gateway", processes=1)
    live.start()
    yield live
    assert live.stop() == 0


def test_a_chunk_of_long_texts_is_cut_and_the_job_completes(impatient: LiveStack, tmp_path: Path) -> None:
    done = impatient.ingest(write_documents(tmp_path / "d.pkl", TEXTS), "document", "--id-column", "id")

    assert (done["state"], done["rows_written"]) == ("completed", ROWS)
    assert done["chunks_done"] == done["chunks_total"] > 3  # it was one
    assert impatient.query("SELECT count(*), max(crashes), max(failures) FROM chunks") == [(done["chunks_total"], 0, 0)]
    assert impatient.query("SELECT sum(row_count) FROM chunks") == [(ROWS,)]
    ((passages, distinct),) = impatient.query("SELECT count(*), count(DISTINCT text_hash) FROM embeddings")
    assert passages > 2 * ROWS
    assert done["texts_encoded"] == distinct
    assert {row["key"] for row in impatient.stream("document")} == {f"doc-{n}" for n in range(ROWS)}
