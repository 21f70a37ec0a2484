"""What is asked of a store: each byte once in a pass, in large ranges, and never more than the memory's bound."""

from __future__ import annotations

import gzip
import io
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from threading import Lock

import numpy as np
import obstore
import pandas as pd
import pytest
from obstore.store import MemoryStore

from pc_worker.object_store import ranges, version
from pc_worker.object_store.file import ObjectFile, open_object
from pc_worker.object_store.ranges import KeptRanges
from pc_worker.object_store.version import ObjectVersion
from pc_worker.object_urls import ObjectUrl
from pc_worker.reader import open_table

CHUNK = 500
ROWS = 12_000
TEXTS = [f"the text of row {number} – 서울 " * 4 for number in range(ROWS)]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the bounds small against the files, as they are against large ones."""
    for name, size in (("KEPT", 384 << 10), ("AHEAD", 320 << 10), ("MOST", 64 << 10), ("LEAST", 512)):
        monkeypatch.setattr(ranges, name, size)


class Store:
    """A store in memory, and what was asked of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, spool: Path) -> None:
        self._memory, self._spool, self._lock = MemoryStore(), spool, Lock()
        self._asked: list[tuple[int, int]] = []
        fetch = ObjectVersion.fetch

        def counted(opened: ObjectVersion, start: int, end: int) -> memoryview:
            with self._lock:
                self._asked.append((start, end))
            return fetch(opened, start, end)

        monkeypatch.setattr(version, "store_of", lambda *_: self._memory)
        monkeypatch.setattr(ObjectVersion, "fetch", counted)

    def opened(self, name: str, content: bytes) -> ObjectFile:
        obstore.put(self._memory, name, content)
        return open_object(ObjectUrl("s3", "data", name), self._spool)

    def asked(self) -> list[int]:
        """Return the length of each range that was asked for since the last call."""
        lengths = [end - start for start, end in self._asked]
        self._asked.clear()
        return lengths


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    return Store(monkeypatch, tmp_path)


def _frame() -> pd.DataFrame:
    return pd.DataFrame({"id": range(ROWS), "text": pd.Series(TEXTS, dtype=object)})


def _columns() -> bytes:
    """Return a pickle whose columns lie apart: texts, numbers, times, and vectors as arrays."""
    vectors = np.random.default_rng(1).random((ROWS, 16), np.float32)
    frame = _frame().assign(vector=pd.Series(list(vectors), dtype=object), share=np.arange(ROWS) / 7)
    return pickle.dumps(frame.assign(at=pd.Timestamp("2026-01-01", tz="Asia/Seoul"), other=frame["text"].str.upper()))


def _excel() -> bytes:
    out = io.BytesIO()
    _frame().head(1000).to_excel(out, index=False)
    return out.getvalue()


#: Content, and the most requests of one pass for each 64 KiB of it.
PASSES: dict[str, tuple[Callable[[], bytes], float]] = {
    "columns.pkl": (_columns, 4),
    "dicts.pkl": (lambda: pickle.dumps(_frame().to_dict("records")), 2),
    "lines.jsonl": (lambda: _frame().to_json(orient="records", lines=True).encode(), 2),
    "array.json": (lambda: _frame().to_json(orient="records").encode(), 2),
    "lines.jsonl.gz": (lambda: gzip.compress(_frame().to_json(orient="records", lines=True).encode(), 1), 2),
    "table.csv": (lambda: _frame().to_csv(index=False).encode(), 2),
    "table.parquet": (lambda: _frame().to_parquet(row_group_size=1000), 2),
    "table.orc": (lambda: _frame().to_orc(), 2),
    "table.xlsx": (_excel, 2),
}


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_asks_for_each_byte_once(store: Store, tmp_path: Path, name: str) -> None:
    make, most = PASSES[name]
    body = make()
    opened = store.opened(name, body)

    table = open_table(name, spool=tmp_path, fd=opened)
    passes = {"index": store.asked()}
    for start in range(0, table.rows, CHUNK):
        table.read(start, start + CHUNK)
    passes["rows"] = store.asked()
    table.close()
    opened.close()

    assert sum(passes["index"]) >= len(body)
    assert {name: sum(asked) / len(body) for name, asked in passes.items() if sum(asked) > 1.1 * len(body)} == {}
    allowed = 6 + most * len(body) / ranges.MOST
    assert {name: len(asked) for name, asked in passes.items() if len(asked) > allowed} == {}


@pytest.mark.parametrize("name", ["columns.pkl", "dicts.pkl", "lines.jsonl", "array.json"])
def test_a_worker_that_reads_some_chunks_asks_for_their_bytes_only(store: Store, tmp_path: Path, name: str) -> None:
    body = PASSES[name][0]()
    opened = store.opened(name, body)
    open_table(name, spool=tmp_path, fd=opened).close()
    opened.close()
    opened = store.opened(name, body)
    table = open_table(name, spool=tmp_path, fd=opened)
    store.asked()

    for start in range(0, table.rows, 8 * CHUNK):
        table.read(start, start + CHUNK)

    asked = store.asked()
    assert sum(asked) < 0.2 * len(body)
    assert len(asked) <= 3 * 20
    table.close()
    opened.close()


class Recorder:
    """Bytes of an object in memory, and how many of them were asked for at once at most."""

    def __init__(self, size: int) -> None:
        self.content = random.Random(1).randbytes(size)
        self.asked: list[tuple[int, int]] = []
        self.failures = 0

    def fetch(self, start: int, end: int) -> memoryview:
        self.asked.append((start, end))
        if self.failures:
            self.failures -= 1
            raise OSError("cut off")
        return memoryview(self.content)[start:end]


@pytest.mark.parametrize("seed", range(8))
def test_what_is_read_is_what_is_there_whatever_is_read(seed: int) -> None:
    recorder, chance = Recorder(3_000_001), random.Random(seed)
    kept = KeptRanges(recorder.fetch, len(recorder.content))
    places = [0]

    for _ in range(400):
        start = chance.choice([*places[-3:], chance.randrange(len(recorder.content))])
        end = min(start + chance.choice((1, 100, 5000, 70_000, 300_000)), len(recorder.content))
        if chance.random() < 0.2:
            kept.expect([(start, end), (max(start - 10, 0), start), (end, end + 9)])
        assert kept.read(start, end) == recorder.content[start:end]
        places.append(end)
        assert sum(held.end - held.start for held in kept.held()) <= ranges.KEPT
    kept.close()


def test_a_range_that_failed_is_asked_for_again() -> None:
    recorder = Recorder(500_000)
    kept = KeptRanges(recorder.fetch, len(recorder.content))
    recorder.failures = 1

    with pytest.raises(OSError, match="cut off"):
        kept.read(100, 900)

    assert kept.read(100, 900) == recorder.content[100:900]
    kept.close()


def test_columns_that_are_read_in_turn_are_each_read_ahead_to_their_end_only() -> None:
    recorder = Recorder(1_200_000)
    kept = KeptRanges(recorder.fetch, len(recorder.content))
    columns = range(0, 1_200_000, 100_000)

    for row in range(0, 100_000, 2000):
        for column in columns:
            kept.read(column + row, column + row + 2000)

    assert sum(end - start for start, end in recorder.asked) < 1.05 * len(recorder.content)
    assert len(recorder.asked) < len(columns) * 100_000 / 2000 / 2
    kept.close()
