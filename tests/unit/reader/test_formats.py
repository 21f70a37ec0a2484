"""Formats of the field: read right and streamed, or refused by their names with a hint."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet
import pyarrow.parquet.encryption as sealing
import pytest

from pc_worker.reader import Limits, ReadOptions, Rejected, open_table
from tests.unit.reader.reading import read_twice, rows_of


def frame(rows: int = 3000) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "text": [f"t{n}" if n % 5 else None for n in range(rows)],
            "share": np.arange(rows) / 3,
            "when": pd.date_range("2024-01-01", periods=rows, freq="h"),
            "vector": [np.full(4, n, dtype="f4") for n in range(rows)],
        }
    )


def arrow(rows: int = 3000) -> Any:
    table = pa.Table.from_pandas(frame(rows), preserve_index=False)
    return table.append_column("kind", pa.array([f"k{n % 7}" for n in range(rows)]).dictionary_encode())


def feather(path: Path, compression: str) -> None:
    pyarrow.feather.write_feather(arrow(), str(path), compression=compression, chunksize=700)


def stream(path: Path) -> None:
    table = arrow()
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        for start in range(0, 3000, 1000):  # dictionaries that differ by batch
            part = pa.Table.from_batches(table.slice(start, 1000).to_batches())
            writer.write_table(
                part.drop_columns("kind").append_column("kind", pa.array(["x"] * 1000).dictionary_encode())
            )


def orc(path: Path) -> None:
    pyarrow.orc.write_table(arrow().drop_columns("kind"), str(path), compression="zstd")


WRITERS: dict[str, Callable[[Path], None]] = {
    "feather lz4": lambda path: feather(path, "lz4"),
    "feather zstd": lambda path: feather(path, "zstd"),
    "feather plain": lambda path: feather(path, "uncompressed"),
    "arrow stream": stream,
    "orc": orc,
}


@pytest.mark.parametrize("name", WRITERS)
def test_columnar_formats_are_read_like_pickles(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / "table")
    frame().to_pickle(tmp_path / "same.pkl")

    rows = read_twice(tmp_path / "table", tmp_path)

    for row in rows:
        row.pop("kind", None)
    assert rows == read_twice(tmp_path / "same.pkl", tmp_path)


@pytest.mark.parametrize("name", WRITERS)
def test_a_cut_columnar_file_is_refused(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / "table")
    data = (tmp_path / "table").read_bytes()
    for number, end in enumerate((20, len(data) // 2, len(data) - 9)):
        (tmp_path / f"cut{number}").write_bytes(data[:end])
        with pytest.raises(Rejected):
            open_table(tmp_path / f"cut{number}", spool=tmp_path)


def workbook(path: Path) -> pd.DataFrame:
    data = frame(50).drop(columns="vector")
    data["mixed"] = [1, "x", None, True, 2.5] * 10
    with pd.ExcelWriter(path, engine="openpyxl") as writer:
        data.to_excel(writer, index=False, sheet_name="first")
        data.head(3).to_excel(writer, index=False, sheet_name="2 nd")
        pd.DataFrame({"a": [], "b": []}).to_excel(writer, index=False, sheet_name="bare")
    return data


def test_a_workbook_is_read_by_sheet(tmp_path: Path) -> None:
    expected = workbook(tmp_path / "table")

    rows = read_twice(tmp_path / "table", tmp_path)

    assert [row["id"] for row in rows] == list(range(50))
    assert [row["mixed"] for row in rows[:5]] == [1, "x", None, True, 2.5]
    assert rows[1]["when"] == "2024-01-01T01:00:00"
    assert [row["share"] for row in rows] == pytest.approx(list(expected["share"]))
    for sheet, count in (("first", 50), ("1", 50), ("2 nd", 3), ("2", 3), ("bare", 0), ("3", 0)):
        with open_table(tmp_path / "table", spool=tmp_path, options=ReadOptions(sheet=sheet)) as table:
            assert (table.rows, table.container) == (count, "Excel sheet")


def test_a_sheet_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    workbook(tmp_path / "table")

    with pytest.raises(Rejected, match="no sheet '9'; it has 'first', '2 nd', 'bare'"):
        open_table(tmp_path / "table", spool=tmp_path, options=ReadOptions(sheet="9"))


def test_a_workbook_that_expands_too_much_is_refused(tmp_path: Path) -> None:
    workbook(tmp_path / "table")
    with zipfile.ZipFile(tmp_path / "table", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/huge.xml", bytes(20 << 20))

    with pytest.raises(Rejected, match="expands to"):
        open_table(tmp_path / "table", spool=tmp_path, limits=Limits(ratio_free_bytes=1 << 20))


def archived(**members: str | bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__slash__", "/").replace("__dot__", "."), data)
    return target.getvalue()


def test_what_a_mac_leaves_in_an_archive_is_left_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "table", "w") as archive:
        archive.writestr("data/a.csv", "id,text\n1,a\n")
        archive.writestr("__MACOSX/data/._a.csv", b"\0\5\x16\7")
        archive.writestr("data/.DS_Store", b"\0\0\0\1Bud1")

    assert read_twice(tmp_path / "table", tmp_path) == [{"id": "1", "text": "a"}]


PARTS: dict[str, list[slice]] = {
    "from the beginning": [slice(0, 4), slice(4, 7), slice(7, 10)],
    "the first last": [slice(4, 7), slice(7, 10), slice(0, 4)],
    "one without rows": [slice(0, 10), slice(10, 10), slice(3, 4)],
}


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("ending", ["parquet", "pkl", "feather"])
def test_the_parts_of_a_divided_table_are_one_table(ending: str, parts: str, tmp_path: Path) -> None:
    data = frame(10)[["id", "share"]]
    write: Callable[[Any, str], None] = {
        "parquet": pd.DataFrame.to_parquet,
        "pkl": pd.DataFrame.to_pickle,
        "feather": pyarrow.feather.write_feather,
    }[ending]
    with zipfile.ZipFile(tmp_path / "table", "w") as archive:
        for number, rows in enumerate(PARTS[parts]):
            write(data.iloc[rows], str(tmp_path / "part"))
            archive.write(tmp_path / "part", f"part{number}.{ending}")

    found = read_twice(tmp_path / "table", tmp_path)

    assert found == [row for rows in PARTS[parts] for row in data.iloc[rows].to_dict("records")]


@pytest.mark.parametrize("ending", ["parquet", "pkl"])
def test_an_index_of_numbers_that_all_tables_have_is_a_column(ending: str, tmp_path: Path) -> None:
    data = frame(10)[["id", "text"]].rename_axis("n")
    write: Callable[[Any, str], None] = {"parquet": pd.DataFrame.to_parquet, "pkl": pd.DataFrame.to_pickle}[ending]
    with zipfile.ZipFile(tmp_path / "table", "w") as archive:
        for number in (2, 5):
            write(data.iloc[number : number + 2], str(tmp_path / "part"))
            archive.write(tmp_path / "part", f"part{number}.{ending}")

    assert [row["n"] for row in read_twice(tmp_path / "table", tmp_path)] == [2, 3, 5, 6]


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl", "pkl"])
def test_several_tables_of_one_schema_are_one_table(ending: str, tmp_path: Path) -> None:
    data = frame(1000)[["id", "text"]]
    writers: dict[str, Callable[[Any], bytes]] = {
        "csv": lambda part: part.to_csv(index=False).encode(),
        "parquet": lambda part: part.to_parquet(index=False),
        "jsonl": lambda part: part.to_json(orient="records", lines=True).encode(),
        "pkl": lambda part: pickle.dumps(part.reset_index(drop=True)),
    }
    write = writers[ending]
    with zipfile.ZipFile(tmp_path / "table", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(10):
            archive.writestr(f"part{number}.{ending}", write(data.iloc[number * 100 : (number + 1) * 100]))

    rows = read_twice(tmp_path / "table", tmp_path, chunk=130)

    assert [int(row["id"]) for row in rows] == list(range(1000))
    for part in tmp_path.glob("*.part*"):
        part.unlink()
    with open_table(tmp_path / "table", spool=tmp_path) as table:
        assert rows_of(table) == rows


def test_tables_of_several_schemas_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "table").write_bytes(archived(a__dot__csv="a,b\n1,2\n", b__dot__csv="a,c\n1,2\n"))

    with pytest.raises(
        Rejected, match=r"b\.csv in the archive: its columns are not those of a\.csv: they differ in 'b', 'c'"
    ):
        open_table(tmp_path / "table", spool=tmp_path)

    assert list(tmp_path.glob("*.part*")) == []


def test_an_archive_in_an_archive_is_refused(tmp_path: Path) -> None:
    inner = archived(a="a,b\n1,2\n", b="a,b\n1,2\n")
    (tmp_path / "table").write_bytes(archived(a=inner, b=inner))

    with pytest.raises(Rejected, match="compressed once more"):
        open_table(tmp_path / "table", spool=tmp_path)


def npy() -> bytes:
    target = io.BytesIO()
    np.save(target, np.zeros(3))
    return target.getvalue()


def npz() -> bytes:
    target = io.BytesIO()
    np.savez(target, a=np.zeros(3), b=np.ones(2))
    return target.getvalue()


def tar(mode: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:  # type: ignore[call-overload]  # the mode is a variable
        archive.addfile(tarfile.TarInfo("a.csv"), io.BytesIO(b""))
    return target.getvalue()


def sqlite() -> bytes:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE t (a)")
        return database.serialize()


def joblib() -> bytes:
    return b"\x80\x04\x95\x40\0\0\0\0\0\0\0\x8c\x13joblib.numpy_pickle\x94\x8c\x11NumpyArrayWrapper\x94\x93\x94)\x81."


FOREIGN: dict[str, tuple[bytes, str]] = {
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(90), "an HDF5 file"),
    "npy": (npy(), "a NumPy array file"),
    "npz": (npz(), "a NumPy archive"),
    "safetensors": ((2).to_bytes(8, "little") + b'{"a":1}', "a safetensors file"),
    "joblib": (joblib(), "a joblib file"),
    "joblib in gzip": (gzip.compress(joblib()), "a joblib file"),
    "joblib in zlib": (zlib.compress(joblib() * 9), "zlib"),
    "avro": (b"Obj\x01" + bytes(20), "an Avro file"),
    "sqlite": (sqlite(), "an SQLite database"),
    "pdf": (b"%PDF-1.7\n", "a PDF document"),
    "tar": (tar("w"), "a tar archive"),
    "tar in gzip": (tar("w:gz"), "a tar archive"),
    "lz4": (b"\x04\x22\x4d\x18\x64\x40", "an lz4 archive"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4", "a 7z archive"),
    "rar": (b"Rar!\x1a\x07\x01\0", "a RAR archive"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(90), "old Microsoft Office"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "fetch the file itself"),
    "html": (b"\n<!DOCTYPE html>\n<html><body>1,2</body></html>", "an HTML page"),
    "xml": (b'<?xml version="1.0"?>\n<rows/>', "an XML document"),
    "png": (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    "feather 1": (b"FEA1" + bytes(20), "a Feather file of version 1"),
    "docx": (archived(word__slash__document__dot__xml="x", b="y"), "a Word document"),
    "pytorch": (archived(archive__slash__data__dot__pkl="x", archive__slash__version="3"), "a PyTorch checkpoint"),
    "empty": (b"", "the file is empty"),
    "empty zip": (archived(), "holds no file"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_format_that_is_not_read_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    data, words = FOREIGN[name]
    (tmp_path / "table").write_bytes(data)

    with pytest.raises(Rejected, match=words) as caught:
        open_table(tmp_path / "table", spool=tmp_path)

    assert caught.value.kind == "not a table"
    assert "empty" in name or ": " in caught.value.reason


def test_a_pickle_of_old_protocols_is_still_a_pickle(tmp_path: Path) -> None:
    for number, value in enumerate(([{"a": 1}], {"a": [1, 2], "b": ["x", "y"]}, frame(3)[["id"]])):
        for protocol in (0, 1, 2):
            path = tmp_path / f"{number}-{protocol}"
            path.write_bytes(pickle.dumps(value, protocol))
            assert read_twice(path, tmp_path)


def test_a_truncated_pickle_is_a_damaged_pickle(tmp_path: Path) -> None:
    data = pickle.dumps([{"a": "x" * 300}] * 20, 0)
    (tmp_path / "table").write_bytes(data[:100])

    with pytest.raises(Rejected, match="broken"):
        open_table(tmp_path / "table", spool=tmp_path)


def test_details_are_json(tmp_path: Path) -> None:
    workbook(tmp_path / "table")
    with open_table(tmp_path / "table", spool=tmp_path) as table:
        assert json.loads(json.dumps(dict(table.details))) == {"sheet": "first"}


@pytest.mark.parametrize("skipped", [[b"abcd"], [b"", b"x" * 3000], []], ids=["one", "two", "none"])
def test_zstd_may_begin_with_frames_to_be_skipped(skipped: list[bytes], tmp_path: Path) -> None:
    frames = b"".join(b"\x5a\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data for data in skipped)
    packed = pa.compress(b"id,text\n1,a\n", codec="zstd", asbytes=True)
    (tmp_path / "table").write_bytes(frames + packed)

    assert read_twice(tmp_path / "table", tmp_path) == [{"id": "1", "text": "a"}]


class _Keys(sealing.KmsClient):  # type: ignore[misc]  # pyarrow has no types
    """Hides no key, which is enough for a file that is not decrypted."""

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        return key_bytes.hex().encode()

    def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
        return bytes.fromhex(wrapped_key.decode())


@pytest.mark.parametrize("plain", [True, False], ids=["columns only", "all"])
def test_an_encrypted_parquet_file_is_named(plain: bool, tmp_path: Path) -> None:
    factory = sealing.CryptoFactory(lambda config: _Keys())
    wanted = sealing.EncryptionConfiguration(footer_key="f", column_keys={"c": ["text"]}, plaintext_footer=plain)
    properties = factory.file_encryption_properties(sealing.KmsConnectionConfig(), wanted)
    table = pa.table({"id": ["1"], "text": ["a"]})
    with pyarrow.parquet.ParquetWriter(tmp_path / "t", table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)

    with pytest.raises(Rejected, match="an encrypted Parquet file: save it without encryption"):
        open_table(tmp_path / "t", spool=tmp_path)
