"""What a file may cost: counted in calls, nodes and bytes, never in seconds."""

from __future__ import annotations

import bz2
import cProfile
import gzip
import io
import json
import lzma
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pc_worker.reader import MISSING, Limits, Rejected, Table, open_table
from pc_worker.reader.formats.arrow_copy import ArrowRows
from pc_worker.reader.formats.compression import Streams
from pc_worker.reader.table import SparseCells, dict_cells

PACKERS = pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bz2", "xz"])
#: Calls of Python or C functions for each byte of a file, and for any file (imports, the sample).
CALLS_PER_BYTE, CALLS_FREE = 40, 200_000


def calls_of(action: Callable[[], object]) -> int:
    """Return the number of function calls, the same in every run."""
    profile = cProfile.Profile()
    profile.runcall(action)
    return sum(entry.callcount for entry in profile.getstats())


def passed(path: Path, spool: Path) -> None:
    """Index a file and read all of it, or see it refused."""
    try:
        with open_table(path, spool=spool) as table:
            all_rows(table)
    except Rejected:
        return


def all_rows(table: Table) -> None:
    for start in range(0, table.rows, 300):
        batch = table.read(start, start + 300)
        for number in range(len(batch)):
            batch.normal_row(number)


@PACKERS
def test_a_chain_of_streams_that_hold_nothing_is_refused(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(pack(b"") * 2000)

    with pytest.raises(Rejected, match="streams that hold nothing") as caught:
        open_table(tmp_path / "f", spool=tmp_path)

    assert caught.value.kind == "over a limit"


@PACKERS
def test_streams_one_after_another_are_one_file_with_padding_between(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    data = pickle.dumps([{"n": n} for n in range(5000)])
    streams = [pack(data[:7]), pack(b""), bytes(9000), pack(data[7:-300]), *(pack(bytes([b])) for b in data[-300:])]
    (tmp_path / "f").write_bytes(b"".join(streams) + bytes(5000))

    with open_table(tmp_path / "f", spool=tmp_path) as table:
        assert table.rows == 5000


def fed(streams: int) -> int:
    """Return the bytes passed to decompressors for a large stream and this many small ones."""
    raw = io.BytesIO(gzip.compress(np.random.default_rng(1).bytes(3 << 20)) + gzip.compress(b"x") * streams)
    reading = Streams(raw, _gzip(), Limits())
    while reading.read(1 << 20):
        pass
    return reading.fed


def _gzip() -> Any:
    from pc_worker.reader.formats import compression

    return compression._Gzip


def test_what_a_stream_leaves_over_is_not_copied_again_for_every_stream() -> None:
    assert fed(4000) - fed(2000) <= 1.1 * (fed(2000) - fed(0))


NESTED = {
    "side by side": b"](](ee" * 30_000,
    "one in another, again and again": (b"]" * 50 + b"a" * 49) * 1500,
    "empty ones": b"]" * 60_000,
    "tuples": b"])" * 30_000,
    "dicts": b"}" * 60_000,
}


@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
def test_a_cell_of_very_many_parts_is_refused_before_they_fill_the_memory(nested: bytes, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\x80\x04](}X\x01\x00\x00\x00a](" + nested + b"ese.")

    with pytest.raises(Rejected, match=r"made of more than 20000 parts|nest more than"):
        open_table(tmp_path / "f", spool=tmp_path, limits=Limits(nodes=20_000))


def test_parts_of_rows_that_are_passed_over_do_not_count_together(tmp_path: Path) -> None:
    rows = [{"tags": [[n], [n, {"deep": (n, [n])}]], "more": {"x": [n]}} for n in range(6000)]
    (tmp_path / "f").write_bytes(pickle.dumps(rows))

    with open_table(tmp_path / "f", spool=tmp_path, limits=Limits(nodes=20_000)) as table:
        assert table.read(5999, 6000).normal_row(0)["more"] == {"x": [5999]}


def test_rows_with_keys_of_their_own_cost_what_they_hold() -> None:
    names = [f"k{n}" for n in range(4000)]
    rows = [{f"k{2 * n}": n, f"k{2 * n + 1}": -n} for n in range(300)]

    cells = dict_cells(rows, names)

    assert sum(len(column.there) for column in cells.values() if isinstance(column, SparseCells)) == 600
    assert list(cells["k7"][2:5]) == [MISSING, -3, MISSING]
    assert calls_of(lambda: dict_cells(rows, names)) < 20_000


def hostile(folder: Path) -> dict[str, Path]:
    """Return files of some 100 kB whose structure makes a naive reader go over them again and again."""
    rows = 3000
    found = {
        "keys of their own": pickle.dumps([{f"k{n % 5000}": 1, f"k{(n + 1) % 5000}": 2} for n in range(rows)]),
        "the same in JSON": "".join(f'{{"k{n % 5000}":1,"k{n % 4999}":2}}\n' for n in range(rows)).encode(),
        "lists of lists": pickle.dumps([{"a": [[], [[n]]]} for n in range(rows)]),
        "one list": pickle.dumps([{"a": [[] for _ in range(20_000)]}]),
        "references": pickle.dumps([{"a": word} for word in [f"word {n % 97}" for n in range(rows * 3)]]),
        "protocol 0": pickle.dumps([{"a": n, "b": str(n)} for n in range(rows)], 0),
        "many columns": pickle.dumps(pd.DataFrame(np.ones((2, 3000)))),
        "small pickles": b"".join(pickle.dumps({"a": n}) for n in range(rows)),
    }
    for name, data in found.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in found}


def test_no_file_costs_more_calls_than_its_size_allows(tmp_path: Path) -> None:
    too_many = {}
    for name, path in hostile(tmp_path).items():
        spool = tmp_path / f"spool of {name}"
        spool.mkdir()
        calls = calls_of(lambda path=path, spool=spool: passed(path, spool))  # type: ignore[misc]
        if calls > CALLS_FREE + CALLS_PER_BYTE * path.stat().st_size:
            too_many[name] = calls / path.stat().st_size
    assert too_many == {}


def wide(kind: str, columns: int, folder: Path) -> Path:
    path = folder / f"{kind}-{columns}"
    frame = pd.DataFrame(np.ones((3, columns)), columns=[f"c{n}" for n in range(columns)])
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "json":
        frame.to_json(path, orient="records", lines=True)
    elif kind == "objects":
        path.write_bytes(pickle.dumps(frame.astype(object)))
    elif kind == "dicts":
        path.write_bytes(pickle.dumps(json.loads(frame.to_json(orient="records"))))
    else:
        path.write_bytes(pickle.dumps(frame.set_axis(["same"] * columns, axis=1)))
    return path


@pytest.mark.parametrize("kind", ["parquet", "csv", "json", "objects", "dicts", "one label"])
def test_the_work_grows_with_the_columns_and_not_with_their_square(kind: str, tmp_path: Path) -> None:
    passed(wide(kind, 10, tmp_path), tmp_path)  # what is imported once

    few, many = (calls_of(lambda n=n: passed(wide(kind, n, tmp_path), tmp_path)) for n in (500, 2000))  # type: ignore[misc]

    assert many < 4.4 * few


def test_columns_whose_type_does_not_tell_are_sampled_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = 0
    plain = ArrowRows.read

    def counted(rows: ArrowRows, start: int, stop: int, columns: Any) -> Any:
        nonlocal reads
        reads += 1
        return plain(rows, start, stop, columns)

    monkeypatch.setattr(ArrowRows, "read", counted)
    pd.DataFrame({f"c{n}": [[1.0, 2.0]] * 40 for n in range(60)}).to_parquet(tmp_path / "f")

    with open_table(tmp_path / "f", spool=tmp_path) as table:
        assert {column.kind for column in table.columns} == {"vector"}
    assert reads < 20
