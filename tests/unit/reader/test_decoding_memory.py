"""Small Parquet and ORC files that expand hugely within a page, dictionary or row are stopped in flat memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest

from pc_worker.reader import open_table
from pc_worker.reader.formats.memory import bounded_memory
from tests.unit.reader.reading import read_twice

ROOT = Path(__file__).parents[3]
MiB = 1 << 20
MOST = 300 * MiB


def words(rows: int = 1500) -> pa.Table:
    """Return a word of 1 MiB in each row, from a dictionary."""
    return pa.table({"c": pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * MiB]))})


def fewer_words() -> pa.Table:
    """Return twice as many bytes as the bound; this writer expands them."""
    return words(2 * MOST // MiB)


def one_row() -> pa.Table:
    """Return one row whose list has 40 million numbers, all of them zero."""
    numbers = pa.array(np.zeros(40_000_000, np.float64))
    return pa.table({"id": [1], "c": pa.ListArray.from_arrays([0, len(numbers)], numbers)})


def absent() -> pa.Table:
    """Return one row whose list has 60 million nulls."""
    return pa.table({"c": pa.ListArray.from_arrays([0, 60_000_000], pa.nulls(60_000_000, pa.int64()))})


def texts() -> pa.Table:
    return pa.table({"c": pa.array(["x" * (2 * MiB)] * 200)})


def parquet(table: Callable[[], pa.Table], **options: Any) -> Callable[[Path], None]:
    return lambda path: pq.write_table(table(), path, **{"compression": "zstd", "store_schema": False, **options})


def as_orc(table: Callable[[], pa.Table], **options: Any) -> Callable[[Path], None]:
    return lambda path: orc.write_table(table(), path, compression="zstd", stripe_size=1 << 30, **options)


BOMBS: dict[str, Callable[[Path], None]] = {
    "parquet dictionary": parquet(words, dictionary_pagesize_limit=4 * MiB),
    "parquet list": parquet(one_row),
    "parquet plain list": parquet(one_row, use_dictionary=False, data_page_size=1 << 29),
    "parquet list of nulls": parquet(absent),
    "parquet delta": parquet(fewer_words, use_dictionary=False, column_encoding={"c": "DELTA_BYTE_ARRAY"}),
    "orc list": as_orc(one_row),
    "orc texts": as_orc(texts),
    "orc dictionary": as_orc(texts, dictionary_key_size_threshold=1.0),
}
READ = """
import json, resource, sys
from pathlib import Path
import pyarrow.parquet
from pc_worker.reader import Rejected, open_table
def peak(whose):
    return resource.getrusage(whose).ru_maxrss * 1024
before = peak(resource.RUSAGE_SELF)
try:
    with open_table(sys.argv[1], spool=Path(sys.argv[2])) as table:
        table.read(0, 1)
        ended = f"{table.rows} rows"
except Rejected as error:
    ended = str(error)
costs = peak(resource.RUSAGE_SELF) - before, peak(resource.RUSAGE_CHILDREN) - before
print(json.dumps([ended, max(costs)]))
"""


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_expands_hugely_is_stopped_before_memory_grows(name: str, tmp_path: Path) -> None:
    path, spool = tmp_path / "f", tmp_path / "spool"
    spool.mkdir()
    BOMBS[name](path)
    assert path.stat().st_size < 2 * MiB

    command = [sys.executable, "-c", READ, str(path), str(spool)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    ended, cost = json.loads(done.stdout)

    assert cost < MOST
    assert ended.startswith("over a limit: the "), ended
    assert "expands to more than" in ended
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("write", [pq.write_table, orc.write_table], ids=["parquet", "orc"])
def test_rows_of_large_cells_are_read_within_the_bound(write: Callable[..., None], tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    cells = [rng.bytes(MiB // 2).hex() for _ in range(24)]
    write(pa.table({"id": list(range(24)), "c": cells}), str(tmp_path / "f"))

    assert [row["c"] for row in read_twice(tmp_path / "f", tmp_path)] == cells


def test_long_words_that_many_rows_share_are_decoded_a_few_rows_at_a_time(tmp_path: Path) -> None:
    """All rows of a usual batch would not fit; the table as a whole is within the budgets."""
    table = pa.table({"c": pa.DictionaryArray.from_arrays(pa.array([0, 1] * 60), pa.array(["x" * MiB, "y" * MiB]))})
    pq.write_table(table, tmp_path / "f", store_schema=False, dictionary_pagesize_limit=4 * MiB)

    with open_table(tmp_path / "f", spool=tmp_path) as rows:
        assert [str(cell)[0] for cell in rows.read(0, 120).columns["c"]] == ["x", "y"] * 60


def test_the_bound_is_lifted_after_the_last_of_several() -> None:
    usual = resource.getrlimit(resource.RLIMIT_DATA)
    with bounded_memory(300 * MiB):
        one = resource.getrlimit(resource.RLIMIT_DATA)[0]
        with bounded_memory(50 * MiB):
            assert resource.getrlimit(resource.RLIMIT_DATA)[0] == one + 50 * MiB
            with pytest.raises(MemoryError):
                bytearray(500 * MiB)
        bytearray(100 * MiB)
    bytearray(500 * MiB)

    assert resource.getrlimit(resource.RLIMIT_DATA) == usual
