"""Categories inside lists, structs and maps: the cells of pyarrow, also if each batch has its own words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest

from pc_worker.reader import Limits, Rejected, open_table
from pc_worker.reader.formats.arrow_dictionaries import without_dictionaries


def coded(*words: Any) -> pa.Array:
    return pa.array(words).dictionary_encode()


def lists(letter: str, maker: Any = pa.ListArray, offsets: Any = None) -> pa.Array:
    values = coded(letter, f"{letter}b", None, letter, f"{letter}c", letter)
    return maker.from_arrays(offsets or pa.array([0, 2, None, 2, 6]), values)


def structs(letter: str) -> pa.Array:
    words, numbers = coded(letter, None, f"{letter}b", letter), coded(7, 8, None, ord(letter))
    fields, absent = ["word", "number", "plain"], pa.array([False, False, False, True])
    return pa.StructArray.from_arrays([words, numbers, pa.array([1, 2, 3, 4])], fields, mask=absent)


SHAPES: dict[str, Callable[[str], pa.Array]] = {
    "column": lambda x: coded(x, None, f"{x}b", x),
    "numbers": lambda x: coded(ord(x), None, 5, ord(x)),
    "list": lists,
    "large list": lambda x: lists(x, pa.LargeListArray),
    "struct": structs,
    "list of structs": lambda x: pa.ListArray.from_arrays([0, 1, 1, 3, 4], structs(x)),
    "struct of lists": lambda x: pa.StructArray.from_arrays([lists(x), coded(*"abca")], ["l", "w"]),
    "list of lists": lambda x: pa.ListArray.from_arrays([0, 1, 3, 3, 4], lists(x)),
    "map": lambda x: pa.MapArray.from_arrays([0, 2, 2, 3, 4], coded("k", "l", x, "k"), coded(x, x, None, f"{x}b")),
    "fixed list": lambda x: pa.FixedSizeListArray.from_arrays(coded(x, "a", None, x, "b", "c", x, x), 2),
    "list view": lambda x: pa.ListViewArray.from_arrays([0, 1, 0, 2], [2, 2, 0, 1], coded(x, None, f"{x}b")),
    "lists as words": lambda x: pa.DictionaryArray.from_arrays(pa.array([1, None, 0, 1]), lists(x)),
    "runs": lambda x: pa.RunEndEncodedArray.from_arrays([1, 4], coded(x, f"{x}b")),
}
NOT_IN_PARQUET = {"lists as words", "runs", "list view"}


def in_file(folder: Path, parts: list[pa.Table]) -> Path:
    with pq.ParquetWriter(folder / "f", parts[0].schema) as writer:
        for part in parts:
            writer.write_table(part)
    return folder / "f"


def in_stream(folder: Path, parts: list[pa.Table]) -> Path:
    with pa.ipc.new_stream(str(folder / "f"), parts[0].schema) as writer:
        for part in parts:
            writer.write_table(part)
    return folder / "f"


@pytest.mark.parametrize(
    ("shape", "write"),
    [(s, in_stream) for s in SHAPES] + [(s, in_file) for s in SHAPES if s not in NOT_IN_PARQUET],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_categories_at_any_depth_are_read_though_their_words_differ_by_batch(
    shape: str, write: Callable[[Path, list[pa.Table]], Path], tmp_path: Path
) -> None:
    parts = [pa.table({"id": [1, 2, 3, 4], "c": SHAPES[shape](letter)}) for letter in "xyz"]
    expected = [cell for part in parts for cell in part["c"].to_pylist()]

    with open_table(write(tmp_path, parts), spool=tmp_path) as table:
        cells = table.read(0, table.rows).columns["c"]
        late = table.read(5, 9).columns["c"]

    assert list(map(plain, cells)) == list(map(plain, expected))
    assert list(map(plain, late)) == list(map(plain, expected[5:9]))


def plain(cell: Any) -> Any:
    return [plain(item) for item in cell] if isinstance(cell, list) else cell


@pytest.mark.parametrize("shape", ["list", "struct"])
def test_categories_in_an_orc_file_are_read(shape: str, tmp_path: Path) -> None:
    values = SHAPES[shape]("x").to_pylist()
    with orc.ORCWriter(str(tmp_path / "f"), stripe_size=1024, dictionary_key_size_threshold=1.0) as writer:
        for letter in "xyz":
            writer.write(pa.table({"c": pa.array(SHAPES[shape](letter).to_pylist(), pa.array(values).type)}))

    with open_table(tmp_path / "f", spool=tmp_path) as table:
        cells = table.read(0, table.rows).columns["c"]

    assert cells == [cell for letter in "xyz" for cell in SHAPES[shape](letter).to_pylist()]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("start", "stop"), [(0, 4), (1, 3), (2, 4), (3, 3)])
def test_a_slice_of_a_batch_is_decoded_alone(shape: str, start: int, stop: int) -> None:
    batch = pa.record_batch({"c": SHAPES[shape]("x")}).slice(start, stop - start)

    (found,) = without_dictionaries(batch, Limits())

    assert "dictionary" not in str(found.schema)
    assert list(map(plain, found["c"].to_pylist())) == list(map(plain, batch["c"].to_pylist()))


def test_long_words_are_written_out_in_pieces() -> None:
    words = pa.array(["a" * (1 << 20), "b"])
    codes = pa.array([0, 1] * 512, pa.int32())
    column = pa.ListArray.from_arrays(list(range(0, 1025, 4)), pa.DictionaryArray.from_arrays(codes, words))

    pieces = list(without_dictionaries(pa.record_batch({"c": column}), Limits()))

    assert [piece.num_rows for piece in pieces] == [16] * 16
    assert pieces[-1]["c"][-1].as_py() == ["a" * (1 << 20), "b"] * 2


def test_one_cell_that_repeats_a_long_word_is_refused_before_it_is_written_out() -> None:
    words = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000), pa.array(["a" * (1 << 20)]))
    batch = pa.record_batch({"c": pa.ListArray.from_arrays([0, 100_000], words)})

    with pytest.raises(Rejected, match=r"a cell of column `c` takes 10\d+ bytes and the limit is 67108864") as caught:
        list(without_dictionaries(batch, Limits()))

    assert caught.value.kind == "over a limit"
