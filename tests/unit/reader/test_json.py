"""JSON Lines and JSON arrays: every value is what Python's json makes of it, at every place in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pc_worker.reader import Rejected, open_table

VALUES = [
    "NaN",
    "-Infinity",
    "1e999",
    "-0.0",
    "-0",
    "0.1234567890123456789",
    "5e-324",
    "9223372036854775808",
    "-123456789012345678901234567890",
    '"\\ud800"',
    '"\\ud83d\\ude00"',
    '"},{"',
    '"}, {"',
    '{"b": {"c": [1, 2]}, "d": {}}',
    '[{"b": 1}, {"b": 2}]',
    "[]",
    "true",
    "null",
    '"데이터"',
]


def records(rows: int) -> list[str]:
    return [f'{{"n": {row}, "a": {VALUES[row % len(VALUES)]}, "z": "{"x" * (row % 40)}"}}' for row in range(rows)]


def written(lines: list[str], layout: str) -> bytes:
    text = {
        "lines": "\n".join(lines),
        "spaced lines": "\r\n\r\n".join(f" {line}\t" for line in lines) + "\n",
        "array": "[" + ",".join(lines) + "]",
        "spaced array": "\ufeff[\n  " + " ,\n\n  ".join(lines) + "\n]\n",
    }[layout]
    return text.encode()


def read(path: Path, chunk: int) -> list[dict[str, Any]]:
    spool = path.parent
    rows: list[dict[str, Any]] = []
    with open_table(path, spool=spool) as table:
        for start in range(0, table.rows, chunk):
            columns = table.read(start, start + chunk).columns
            rows += [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return rows


@pytest.mark.parametrize("chunk", [1, 77, 64, 5000])
@pytest.mark.parametrize("layout", ["lines", "spaced lines", "array", "spaced array"])
def test_values_are_what_json_makes_of_them(layout: str, chunk: int, tmp_path: Path) -> None:
    lines = records(200 if chunk == 1 else 3000)
    path = tmp_path / "table.json"
    path.write_bytes(written(lines, layout))

    # As text, in which NaN equals itself and -0.0 is not 0.0.
    assert repr(read(path, chunk)) == repr([json.loads(line) for line in lines])


@pytest.mark.parametrize("layout", ["lines", "array"])
@pytest.mark.parametrize(
    "bad", ['{"n": 01}', '{"n": 1,}', '{"n": "\t"}', '{"n": "\x01"}', '{"n": .5}', '{"n": tru}', "{'n': 1}"]
)
def test_what_json_refuses_is_refused_with_its_row(bad: str, layout: str, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_bytes(written([*records(100), bad, *records(100)], layout))

    with pytest.raises(Rejected) as refused:
        open_table(path, spool=tmp_path)

    assert refused.value.row == 100


@pytest.mark.parametrize("layout", ["lines", "array"])
def test_values_that_nest_too_deep_are_refused(layout: str, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_bytes(written([*records(10), '{"n": ' + "[" * 70 + "]" * 70 + "}", *records(10)], layout))

    with pytest.raises(Rejected, match="nests deeper"):
        open_table(path, spool=tmp_path)


@pytest.mark.parametrize("text", ["[]", " \n[ \n ]\n", "\ufeff[]"])
def test_an_empty_array_is_a_table_without_rows(text: str, tmp_path: Path) -> None:
    (tmp_path / "table.json").write_text(text, encoding="utf-8")

    assert read(tmp_path / "table.json", 5) == []


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["[0, 0.25, -1, 0, 0, 0, 0, 1]", "[1, 0, 0, 0, 0, 0, 0, 0]"], ("vector", 8)),
        (["[0, 0.25, -1, 0, 0, 0, 1]"], ("list", None)),
        (["[0.5, 1.5]", "null"], ("vector", 2)),
        (["[1, 2]", "[3, 4]"], ("list", None)),
        (["[0, 0.25]", "[1]"], ("list", None)),
        (["[0, 0.25]", "[true, 0.5]"], ("list", None)),
        (['[0, "0.25"]', "[1.5, 2]"], ("list", None)),
    ],
    ids=str,
)
def test_lists_of_numbers_are_vectors_unless_all_are_whole_or_few_are(
    cells: list[str], kind: tuple[str, int | None], tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"v": {cell}}}\n' for cell in cells))

    with open_table(path, spool=tmp_path) as table:
        (column,) = table.columns

    assert (column.kind, column.dimension) == kind
