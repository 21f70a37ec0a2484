"""Containers, compression, sidecars, other formats, and files that change while they are read."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import json
import lzma
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pc_worker.reader import MISSING, Column, Limits, Rejected, SourceChanged, inspect_file, open_table
from tests.unit.reader.reading import read_bytes, read_twice, rows_of

ROOT = Path(__file__).parents[3]


def frame(rows: int = 500) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "key": pd.Series([f"k{n}" for n in range(rows)], dtype=object),
            "vector": [np.full(4, n, dtype="f4") for n in range(rows)],
            "count": np.arange(rows),
        }
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "frame.pkl"
    frame().to_pickle(file)
    return file


def zipped(data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("frame.pkl", data)
    return target.getvalue()


def zstandard(data: bytes) -> bytes:
    target = pa.BufferOutputStream()
    with pa.CompressedOutputStream(target, "zstd") as stream:
        stream.write(data)
    return bytes(target.getvalue().to_pybytes())


PACKERS = [gzip.compress, bz2.compress, lzma.compress, zstandard, zipped]


@pytest.mark.parametrize("pack", PACKERS, ids=["gzip", "bz2", "xz", "zstd", "zip"])
def test_a_compressed_file_is_known_by_its_content(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    plain = pickle.dumps(frame())

    rows = read_bytes(pack(plain), tmp_path)

    assert rows == read_bytes(plain, tmp_path)


@pytest.mark.parametrize("pack", PACKERS, ids=["gzip", "bz2", "xz", "zstd", "zip"])
def test_a_cut_compressed_file_is_refused(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    file = tmp_path / "cut"
    file.write_bytes(pack(pickle.dumps(frame()))[:-40])

    with pytest.raises(Rejected, match=r"damaged|ends"):
        open_table(file, spool=tmp_path)

    assert list(tmp_path.iterdir()) == [file]


def test_an_expansion_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bomb"
    file.write_bytes(gzip.compress(bytes(20 << 20)))

    with pytest.raises(Rejected, match="expands"):
        open_table(file, spool=tmp_path, limits=Limits(output_bytes=1 << 20))


def test_columns_say_what_they_hold(path: Path, tmp_path: Path) -> None:
    with open_table(path, spool=tmp_path) as table:
        assert table.columns == (Column("key", "text"), Column("vector", "vector", 4), Column("count", "int"))
        assert (table.rows, table.container, table.protocol) == (500, "DataFrame", 5)
        assert table.fingerprint.size == path.stat().st_size


def test_a_batch_gives_cells_by_column(path: Path, tmp_path: Path) -> None:
    with open_table(path, spool=tmp_path) as table:
        batch = table.read(490, 999, ["vector", "count"])

    assert (batch.start, len(batch), list(batch.columns)) == (490, 10, ["vector", "count"])
    assert batch.columns["count"] == list(range(490, 500))
    assert np.array_equal(np.asarray(batch.columns["vector"][9]), np.full(4, 499, dtype="f4"))


def test_an_unknown_column_is_a_key_error(path: Path, tmp_path: Path) -> None:
    with open_table(path, spool=tmp_path) as table, pytest.raises(KeyError, match="nope"):
        table.read(0, 1, ["nope"])


def test_a_row_of_a_list_of_dicts_lacks_what_it_lacks(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(pickle.dumps([{"a": 1}, {"b": 2}]))

    with open_table(file, spool=tmp_path) as table:
        batch = table.read(0, 2)

    assert batch.columns == {"a": [1, MISSING], "b": [MISSING, 2]}
    assert [batch.normal_row(n) for n in range(2)] == [{"a": 1}, {"b": 2}]


def test_an_open_descriptor_is_used_and_stays_the_callers(path: Path, tmp_path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    path.rename(tmp_path / "moved")

    with open_table(path, spool=tmp_path, fd=descriptor) as table:
        assert table.rows == 500

    os.close(descriptor)


@pytest.mark.parametrize("damage", [b"", b"PCWINDEX", b"x" * 5000])
def test_a_damaged_sidecar_is_made_again(damage: bytes, path: Path, tmp_path: Path) -> None:
    expected = read_twice(path, tmp_path)
    (sidecar,) = tmp_path.glob("*.index")
    sidecar.write_bytes(damage)

    assert read_twice(path, tmp_path) == expected


def test_a_flipped_bit_in_a_sidecar_is_noticed(path: Path, tmp_path: Path) -> None:
    expected = read_twice(path, tmp_path)
    (sidecar,) = tmp_path.glob("*.index")
    data = bytearray(sidecar.read_bytes())
    data[len(data) // 2] ^= 1
    sidecar.write_bytes(data)

    assert read_twice(path, tmp_path) == expected


def test_two_processes_share_an_index(path: Path, tmp_path: Path) -> None:
    with open_table(path, spool=tmp_path):
        (sidecar,) = tmp_path.glob("*.index")
    before = sidecar.stat()

    code = (
        "from pathlib import Path; from pc_worker.reader import open_table;"
        f"print(open_table({str(path)!r}, spool=Path({str(tmp_path)!r})).rows)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )

    assert done.stdout.strip() == "500"
    assert sidecar.stat().st_ino == before.st_ino


@pytest.mark.parametrize(
    ("write", "endings"),
    [
        pytest.param(lambda path: frame().to_pickle(path, compression="gzip"), {".index", ".unpacked"}, id="gzip"),
        pytest.param(lambda path: frame()[["key"]].to_csv(path), {".index", ".arrow"}, id="csv"),
    ],
)
def test_opening_a_table_renews_what_the_spool_holds_of_it(
    write: Callable[[Path], None], endings: set[str], tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    write(tmp_path / "table")
    open_table(tmp_path / "table", spool=spool).close()
    files = [*spool.iterdir()]
    assert {file.suffix for file in files} == endings
    for file in files:
        os.utime(file, (0, 0))
    kept = {file: file.stat().st_ino for file in files}

    open_table(tmp_path / "table", spool=spool).close()

    assert {file: file.stat().st_ino for file in spool.iterdir()} == kept
    assert all(file.stat().st_mtime > 0 for file in files)


def test_an_open_table_outlives_its_files_in_the_spool(tmp_path: Path) -> None:
    frame().to_pickle(tmp_path / "table", compression="gzip")
    spool = tmp_path / "spool"
    spool.mkdir()

    with open_table(tmp_path / "table", spool=spool) as table:
        expected = rows_of(table)
        for file in spool.iterdir():
            file.unlink()
        assert rows_of(table) == expected

    assert read_twice(tmp_path / "table", spool) == expected


def test_a_file_that_grows_while_read_is_noticed(path: Path, tmp_path: Path) -> None:
    with open_table(path, spool=tmp_path) as table:
        with path.open("ab") as file:
            file.write(b"more")

        with pytest.raises(SourceChanged, match="changed while it was read"):
            table.read(0, 10)


def test_a_file_that_shrinks_while_read_is_noticed(path: Path, tmp_path: Path) -> None:
    with open_table(path, spool=tmp_path) as table:
        os.truncate(path, 100)

        with pytest.raises(SourceChanged):
            table.read(0, 10)


def test_a_rewrite_that_keeps_size_and_time_is_noticed(path: Path, tmp_path: Path) -> None:
    before = path.stat()
    with open_table(path, spool=tmp_path) as table:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 255
        path.write_bytes(data)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

        with pytest.raises(SourceChanged):
            table.read(0, 10)


def test_a_change_of_mode_alone_is_forgiven(path: Path, tmp_path: Path) -> None:
    with open_table(path, spool=tmp_path) as table:
        path.chmod(0o400)

        assert len(table.read(0, 10)) == 10


def test_a_rewritten_file_gets_an_index_of_its_own(path: Path, tmp_path: Path) -> None:
    read_twice(path, tmp_path)
    frame(20).to_pickle(path)

    assert len(read_twice(path, tmp_path)) == 20


def plain(data: bytes) -> bytes:
    return data


def of_one_size(pack: Callable[[bytes], bytes], made: Callable[[int], bytes]) -> tuple[bytes, bytes]:
    """Return two files of different content and the same size."""
    seen: dict[int, bytes] = {}
    for number in range(10_000, 20_000):
        data = pack(made(number))
        if len(data) in seen:
            return seen[len(data)], data
        seen[len(data)] = data
    raise AssertionError("no two of one size")


def pickled(number: int) -> bytes:
    return pickle.dumps([{"key": f"k{number}", "count": number}] * 3)


def comma_separated(number: int) -> bytes:
    return f"key,count\nk{number},{number}\n".encode()


@pytest.mark.parametrize("pack", [plain, *PACKERS], ids=["plain", "gzip", "bz2", "xz", "zstd", "zip"])
@pytest.mark.parametrize("made", [pickled, comma_separated])
@pytest.mark.parametrize("in_place", [True, False])
def test_a_file_replaced_by_one_of_its_size_and_time_gives_its_own_rows(
    pack: Callable[[bytes], bytes], made: Callable[[int], bytes], in_place: bool, tmp_path: Path
) -> None:
    spool, file, new = tmp_path / "spool", tmp_path / "table", tmp_path / "new"
    spool.mkdir()
    one, other = of_one_size(pack, made)
    file.write_bytes(one)
    os.utime(file, ns=(0, 10**18))
    old_rows = read_twice(file, spool)

    (file if in_place else new).write_bytes(other)
    os.utime(file if in_place else new, ns=(0, 10**18))
    if not in_place:
        new.rename(file)
    rows = read_twice(file, spool)

    assert rows == read_bytes(other, tmp_path)
    assert rows != old_rows
    assert len({found.name.partition("-")[0].partition(".")[0] for found in spool.iterdir()}) == 1
    assert len({found.suffix for found in spool.iterdir()}) == len([*spool.iterdir()]), "an old copy is kept"


def test_a_refused_file_leaves_no_copy_in_the_spool(tmp_path: Path) -> None:
    spool, file = tmp_path / "spool", tmp_path / "table"
    spool.mkdir()
    file.write_bytes(gzip.compress(b"cos\nsystem\n(S'true'\ntR."))

    with pytest.raises(Rejected):
        open_table(file, spool=spool)

    assert [*spool.iterdir()] == []


def test_a_copy_that_is_gone_is_made_again(tmp_path: Path) -> None:
    frame().to_pickle(tmp_path / "table", compression="gzip")
    expected = read_twice(tmp_path / "table", tmp_path)
    for copy in tmp_path.glob("*.unpacked"):
        copy.unlink()

    assert read_twice(tmp_path / "table", tmp_path) == expected


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_other_tables_come_through_the_same_door(ending: str, tmp_path: Path) -> None:
    file = tmp_path / "no-ending"
    plain = frame(3000).drop(columns=["vector"]) if ending == "csv" else frame(3000)
    if ending == "parquet":
        plain.to_parquet(file)
    elif ending == "csv":
        plain.to_csv(file, index=False)
    else:
        plain.to_json(file, orient="records", lines=True)

    rows = read_twice(file, tmp_path)

    assert len(rows) == 3000
    assert rows[2999]["count"] == ("2999" if ending == "csv" else 2999)
    assert rows[2999].get("vector", [2999.0] * 4) == [2999.0] * 4


def test_a_csv_cell_stays_text_and_an_empty_one_is_null(tmp_path: Path) -> None:
    rows = read_bytes(b'id,note\n007,"a, ""b""\n"\n8,\n', tmp_path)

    assert rows == [{"id": "007", "note": 'a, "b"\n'}, {"id": "8", "note": None}]


def test_a_broken_json_line_is_refused_with_its_row(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b'{"a": 1}\n\n{"a": \n')

    with pytest.raises(Rejected) as caught:
        open_table(file, spool=tmp_path)

    assert (caught.value.row, caught.value.offset) == (1, 10)


def test_limits_hold_while_json_lines_are_read_too(tmp_path: Path) -> None:
    """Not only while the index is made: rows of another opening have limits of their own."""
    file = tmp_path / "f"
    file.write_bytes(b'{"a": "' + b"x" * (3 << 20) + b'"}\n')
    open_table(file, spool=tmp_path).close()

    with (
        open_table(file, spool=tmp_path, limits=Limits(cell_bytes=1 << 20)) as table,
        pytest.raises(Rejected, match="longer than 1048576 bytes"),
    ):
        table.read(0, 1)


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="not a regular file"):
        open_table(tmp_path, spool=tmp_path)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_table(tmp_path / "none", spool=tmp_path)


def test_inspect_says_what_a_person_needs(path: Path, tmp_path: Path) -> None:
    report = inspect_file(path, spool=tmp_path).to_dict()

    assert json.loads(json.dumps(report)) == report
    assert (report["verdict"], report["rows"], report["vectors"]) == ("readable", 500, {"vector": 4})
    assert report["columns"][0]["samples"] == ["k0", "k1", "k2"]
    assert report["columns"][2]["bytes"] == 4000
    assert "pandas 3" in report["writer"]


def test_frames_one_after_another_are_one_table(tmp_path: Path) -> None:
    data = b"".join(pickle.dumps(frame(rows)) for rows in (30, 0, 500))

    rows = read_bytes(data, tmp_path, chunk=29)

    assert [row["count"] for row in rows] == [*range(30), *range(500)]


def test_reading_does_not_need_pandas(path: Path, tmp_path: Path) -> None:
    """A worker's memory matters: neither pandas nor pyarrow is loaded for a pickle of plain columns."""
    code = (
        "import sys; from pathlib import Path; from pc_worker.reader import open_table;"
        f"t = open_table({str(path)!r}, spool=Path({str(tmp_path)!r})); t.read(0, 300);"
        "print([m for m in ('pandas', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )

    assert done.stdout.strip() == "[]"


def test_a_long_list_beside_a_tuple_is_read_again_from_its_mark(tmp_path: Path) -> None:
    """A MARK after a long list is taken for the list's next batch; here it opens a tuple instead."""
    words = [f"w{n}" for n in range(1500)]
    value = {"data_frame": frame(30), "metadata": ([*words], (1, "two"), [*words[:40]], ("three",))}

    rows = read_bytes(pickle.dumps(value), tmp_path)

    assert rows == rows_of(open_table(tmp_path / "table", spool=tmp_path))
    assert len(rows) == 30


def test_dicts_of_columns_one_after_another_are_one_table(tmp_path: Path) -> None:
    data = b"".join(pickle.dumps({"a": [n, n + 1], "b": ["x", "y"]}) for n in range(100))

    rows = read_bytes(data, tmp_path)

    assert len(rows) == 200
    assert rows[199] == {"a": 100, "b": "y"}


def test_columns_that_are_tuples_hold_cells_of_any_kind(tmp_path: Path) -> None:
    words = tuple([f"w{n}"] for n in range(100))
    column: tuple[Any, ...] = ("x" * 5000, dt.timedelta(1), {"a"}, [[]]) * 25

    rows = read_bytes(pickle.dumps({"a": words, "b": column, "again": column, "c": [*range(100)]}, 0), tmp_path)

    assert rows[3] == {"a": ["w3"], "b": [[]], "again": [[]], "c": 3}
    assert rows[97] == {"a": ["w97"], "b": "P1DT0H0M0S", "again": "P1DT0H0M0S", "c": 97}


def test_a_dict_of_columns_whose_cells_are_tables_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table").write_bytes(pickle.dumps({"a": (pd.Series([1]),)}))

    with pytest.raises(Rejected, match="column `a`, row 0 holds a `Series`"):
        open_table(tmp_path / "table", spool=tmp_path)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_sets_stand_in_rows_of_a_stream_and_beside_a_frame(protocol: int, tmp_path: Path) -> None:
    stream = b"".join(pickle.dumps({"n": n, "tags": {n}, "none": frozenset()}, protocol) for n in range(40))
    assert read_bytes(stream, tmp_path)[39] == {"n": 39, "tags": [39], "none": []}

    wrapped = pickle.dumps({"data_frame": frame(3), "tags": {"a", "b"}}, protocol)
    assert len(read_bytes(wrapped, tmp_path)) == 3
