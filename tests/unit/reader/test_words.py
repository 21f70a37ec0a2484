"""What a refused file says: the column, the row and the class by name, never that it is broken or unsafe."""

from __future__ import annotations

import ast
import gzip
import io
import lzma
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pc_worker.errors import SourceRejected
from pc_worker.reader import Rejected, open_table
from pc_worker.services.sources import rejecting

ODD: dict[str, tuple[Any, str]] = {
    "Series": (pd.Series([1]), "Series"),
    "DataFrame": (pd.DataFrame({"a": [1]}), "DataFrame"),
    "Index": (pd.Index([1, 2]), "Index"),
    "IntegerArray": (pd.array([1, None], dtype="Int64"), "IntegerArray"),
    "an array that holds one": (np.array([pd.Series([1]), 2], dtype=object), "numpy.ndarray"),
}


def refusal(value: object, folder: Path) -> Rejected:
    (folder / "f").write_bytes(pickle.dumps(value))
    with pytest.raises(Rejected) as caught:
        open_table(folder / "f", spool=folder)
    return caught.value


@pytest.mark.parametrize(("rows", "row"), [(3, 1), (2000, 17), (2000, 1999)])
@pytest.mark.parametrize("name", ODD)
def test_a_cell_that_is_no_value_is_named_by_column_row_and_class(
    name: str, rows: int, row: int, tmp_path: Path
) -> None:
    odd, kind = ODD[name]
    cells = np.empty(rows, dtype=object)
    cells[:] = "text"
    cells[row] = odd
    frame = pd.DataFrame({"n": range(rows), "a": pd.Series(["x"] * rows, dtype=object), "b": pd.Series(cells)})

    error = refusal(frame, tmp_path)

    assert (error.kind, error.column, error.row) == ("not a table", "b", row)
    assert f"column `b`, row {row} holds a `{kind}`" in error.reason


@pytest.mark.parametrize("rows", [3, 1500])
def test_a_column_of_a_dict_is_named_too(rows: int, tmp_path: Path) -> None:
    error = refusal({"a": [*range(rows)], "b": ["x"] * (rows - 1) + [pd.Series([1])]}, tmp_path)

    assert (error.column, error.row) == ("b", rows - 1)


def test_a_series_of_frames_is_named(tmp_path: Path) -> None:
    error = refusal(pd.Series([pd.DataFrame()] * 2, name="frames"), tmp_path)

    assert "column `frames`, row 0 holds a `DataFrame`" in error.reason


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros((3, 2)), "the file holds a numpy.ndarray"),
        (pd.Index([1]), "the file holds a Index"),
        ([pd.DataFrame()] * 40, "the file holds a list"),
        ("text", "the file holds a str"),
    ],
    ids=["array", "index", "frames", "text"],
)
def test_what_is_no_table_is_called_by_its_class(value: object, words: str, tmp_path: Path) -> None:
    assert words in refusal(value, tmp_path).reason


def test_objects_beside_a_table_do_not_refuse_it(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(pickle.dumps({"data_frame": pd.DataFrame({"a": [1]}), "more": [pd.Series([1])] * 90}))

    with open_table(tmp_path / "f", spool=tmp_path) as table:
        assert table.rows == 1


def test_no_message_is_a_catch_all() -> None:
    """Only modules that have such words anywhere are parsed; words outside of messages do not count."""
    catch_all = re.compile(r"make sense of|something went wrong|unexpected error|unknown error")
    between_lines = re.compile(r"""["']\s+[a-z]{0,2}["']""")
    sources = [path.read_text() for path in Path("pc_worker").rglob("*.py")]
    trees = [ast.parse(source) for source in sources if catch_all.search(between_lines.sub("", source))]
    texts = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    documents = {id(node.value) for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    messages = " ".join(text.value for text in texts if isinstance(text.value, str) and id(text) not in documents)

    assert not catch_all.search(messages)


FRAME = pd.DataFrame({"id": range(3000), "text": [f"text {n * 7919}" for n in range(3000)]})


def parquet() -> bytes:
    data = bytearray(FRAME.to_parquet(index=False, row_group_size=1500))
    data[len(data) // 2 : len(data) // 2 + 300] = b"\xff" * 300
    return bytes(data)


def workbook() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook")
        archive.writestr("[Content_Types].xml", "<Types")
    return target.getvalue()


def encrypted() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.csv", "a,b\n1,2\n")
    data = bytearray(target.getvalue())
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


def arrow() -> bytes:
    target = io.BytesIO()
    FRAME.to_feather(target, compression="lz4", chunksize=1000)
    data = bytearray(target.getvalue())
    for at in range(len(data) // 2, len(data) // 2 + 300, 8):  # lengths of buffers, and what is packed in them
        data[at] ^= 255
    return bytes(data)


DAMAGED = {
    "parquet": (
        parquet,
        r"the Parquet table is damaged or cut short (after its first \d+ rows|before its first row): ",
    ),
    "parquet cut": (
        lambda: FRAME.to_parquet()[:-5],
        "the Parquet table is damaged or cut short before its first row: ",
    ),
    "arrow": (arrow, r"the Arrow file is damaged or cut short (after|before) .*: copy|an Arrow file of this size"),
    "gzip": (
        lambda: gzip.compress(pickle.dumps(FRAME))[:-9],
        r"compressed file is damaged .* after \d+ unpacked bytes: ",
    ),
    "xz": (
        lambda: lzma.compress(pickle.dumps(FRAME))[:30],
        "compressed file is damaged or cut short at its beginning: ",
    ),
    "zip": (lambda: b"PK\3\4" + bytes(90), "the zip archive is damaged or cut short: "),
    "encrypted": (encrypted, "the zip archive is encrypted: unpack it with its password"),
    "workbook": (workbook, "the workbook is damaged: open it in a spreadsheet program"),
}
#: What pyarrow, zlib, lzma, zipfile and openpyxl say, and names of options that no user of pc_worker can set.
FOREIGN_WORDS = re.compile(
    r"thrift|flatbuffer|malloc|magic|footer|deserializ|Error -?\d|codec|central directory|decompress|EOF|"
    r"\b(low_memory|on_bad_lines|thrift_\w+|block_size|use_threads|ignore_errors|allow_pickle|pwd)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_told_in_our_words_with_the_format_the_place_and_what_to_do(name: str, tmp_path: Path) -> None:
    make, words = DAMAGED[name]
    (tmp_path / "f").write_bytes(make())

    with pytest.raises(Rejected, match=words) as caught:
        open_table(tmp_path / "f", spool=tmp_path)

    assert not FOREIGN_WORDS.search(str(caught.value))
    assert "\n" not in str(caught.value)


def test_an_xz_file_that_asks_for_much_memory_is_not_called_damaged(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 512 << 20}]
    (tmp_path / "f").write_bytes(lzma.compress(b"a,b\n1,2\n", filters=filters))

    with pytest.raises(Rejected, match="unpacking the xz file takes more than 128 MiB of memory") as caught:
        open_table(tmp_path / "f", spool=tmp_path)

    assert caught.value.kind == "over a limit"


def test_a_mistake_of_the_reader_is_called_ours_and_not_the_files() -> None:
    with pytest.raises(SourceRejected) as caught, rejecting("/data/a.pkl"):
        [][1]

    assert re.fullmatch(
        r"/data/a\.pkl: pc_worker itself made a mistake while reading it \(IndexError in test_words\.py, line \d+; .*",
        str(caught.value),
    )


@pytest.mark.parametrize(
    "others",
    [[], [[{"a": 1}]], [{"a": 1}, {"a": 2}], [pd.DataFrame({"a": [1]})]],
    ids=["alone", "rows", "dicts", "frame"],
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_of_none_is_no_table_also_beside_tables(others: list[Any], protocol: int, tmp_path: Path) -> None:
    for pickles in ([None, *others], [*others, None]):
        (tmp_path / "f").write_bytes(b"".join(pickle.dumps(each, protocol=protocol) for each in pickles))

        with pytest.raises(Rejected, match="the file holds None in place of a table"):
            open_table(tmp_path / "f", spool=tmp_path)


def test_a_frame_under_another_key_than_the_one_that_is_read_is_named(tmp_path: Path) -> None:
    error = refusal({"frame": pd.DataFrame({"a": [1]})}, tmp_path)

    assert "entry 'frame' is a DataFrame: only that under 'data_frame' is read" in error.reason
