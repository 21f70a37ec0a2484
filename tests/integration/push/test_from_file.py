"""From a file to the batch server: an ingest, then beat's schedule, nothing else."""

from __future__ import annotations

from pathlib import Path

from pc_worker.samples.recruitment import write_recruitment
from tests.homes import temporary_home
from tests.support.batch_server import StockBatchServer
from tests.support.stack import LiveStack
from tests.support.waiting import eventually


def test_every_row_of_an_ingested_file_reaches_the_batch_server_by_itself(
    tmp_path: Path, server: StockBatchServer
) -> None:
    sample = write_recruitment(tmp_path)
    with temporary_home() as home:
        settings = {
            "PC_WORKER_DATA_ROOTS": str(tmp_path),
            "PC_WORKER_BATCH_SERVERS": server.address,
            "PC_WORKER_PUSH_S": "2",
        }
        stack = LiveStack(home, settings, "worker,beat", processes=1)
        stack.start()
        try:
            job = stack.ingest(sample.path, "recruit", "--max-dead", "1000")
            eventually(lambda: len(server.tables.recruit) == job["rows_written"], what="all rows at the batch server")
            refused = [letter for letter in stack.run("dead", "list", "--json").json() if letter["row_no"] is None]
        finally:
            stack.stop()

    assert job["rows_written"] == sample.expected.written > 1000
    assert refused == []
    assert len(server.tables.recruit_skills_embedding) == sample.expected.written
