"""Text tables: nothing is lost silently, dialect and encoding are detected by content, and other text is no table."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pc_worker.reader import Limits, ReadOptions, Rejected, inspect_file, open_table
from pc_worker.reader.options import ENCODINGS
from tests.unit.reader.reading import read_twice, rows_of

WORDS = ["plain", 'say "hi"', "a, b", "two\nlines", "", "서울", '"', '""', ",", "end\r\n", " x ", "5' 10\"", "é;|\t"]


def table(rows: int, seed: int = 0) -> list[list[str]]:
    chance = random.Random(seed)
    return [["id", "text", "note"], *([str(n), chance.choice(WORDS), chance.choice(WORDS)] for n in range(rows))]


def written(rows: list[list[str]], **options: Any) -> bytes:
    target = io.StringIO()
    csv.writer(target, **{"lineterminator": "\n", **options}).writerows(rows)
    return target.getvalue().encode()


def as_dicts(rows: list[list[str]]) -> list[dict[str, str | None]]:
    return [dict(zip(rows[0], (cell or None for cell in row), strict=True)) for row in rows[1:]]


def read(data: bytes, folder: Path, name: str = "table.csv", **options: str) -> list[dict[str, Any]]:
    path = folder / name
    path.write_bytes(data)
    spool = folder / "spool"
    spool.mkdir(exist_ok=True)
    with open_table(path, spool=spool, options=ReadOptions(**options)) as opened:
        rows = rows_of(opened)
    with open_table(path, spool=spool, options=ReadOptions(**options)) as opened:
        assert rows_of(opened) == rows
    return rows


def refusal(data: bytes, folder: Path, name: str = "table.csv", **options: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        read(data, folder, name, **options)
    return caught.value


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_every_cell_is_read_as_it_was_written(end: str, quoting: Any, mark: bytes, tmp_path: Path) -> None:
    rows = table(3000)

    assert read(mark + written(rows, lineterminator=end, quoting=quoting), tmp_path) == as_dicts(rows)


def test_a_removed_quote_never_changes_the_table(tmp_path: Path) -> None:
    rows = table(400)
    data = written(rows, quoting=csv.QUOTE_NONNUMERIC)
    quotes = [at for at, byte in enumerate(data) if byte == ord('"')]

    for number, at in enumerate(random.Random(1).sample(quotes, 50)):
        refused = refusal(data[:at] + data[at + 1 :], tmp_path, f"{number}.csv")
        assert "line" in str(refused)
        assert "column" in str(refused)


@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
def test_of_a_cut_file_only_the_very_last_cell_may_be_short(quoting: Any, tmp_path: Path) -> None:
    """A cut between rows or in the last cell of a row cannot be seen in text; `inspect` notes it."""
    rows = table(300)
    data, expected = written(rows, quoting=quoting), as_dicts(rows)

    for number, at in enumerate(random.Random(2).sample(range(20, len(data)), 200)):
        try:
            found = read(data[:at], tmp_path, f"{number}.csv")
        except Rejected:
            continue
        assert found[:-1] == expected[: len(found) - 1]
        assert {**found[-1], "note": None} == {**expected[len(found) - 1], "note": None}
        if found[-1] != expected[len(found) - 1]:
            report = inspect_file(tmp_path / f"{number}.csv", spool=tmp_path).to_dict()
            assert report["note"] == "the last line has no line end: the file may be cut"


def test_an_unclosed_quote_is_named_by_its_place(tmp_path: Path) -> None:
    data = 'id,t\n1,"x\ny"\né23,"z\n3,c\n'.encode()

    assert "line 4, column 5 is never closed" in str(refusal(data, tmp_path))


def test_an_unclosed_quote_after_two_in_a_cell_is_the_one_that_began_it(tmp_path: Path) -> None:
    assert "line 2, column 3 is never closed" in str(refusal(b'id,t\n1,"a""b""\n2,x\n', tmp_path))


def test_quotes_inside_plain_cells_are_characters(tmp_path: Path) -> None:
    assert read(b'id,size\n1,5" disk\n2,6" x 3"\n', tmp_path) == [
        {"id": "1", "size": '5" disk'},
        {"id": "2", "size": '6" x 3"'},
    ]


@pytest.mark.parametrize("data", [b'id,t\n1,"a" b\n', b'id,t\n1,a"\n', b'id,t\n1,"a"b"\n2,c\n'])
def test_a_quote_at_the_wrong_place_is_refused(data: bytes, tmp_path: Path) -> None:
    assert "line 2, column 3" in str(refusal(data, tmp_path))


def test_a_ragged_row_is_named(tmp_path: Path) -> None:
    error = refusal(b'id,t\n1,"x\ny"\n\n2,b,c\n', tmp_path)

    assert "line 5 has 3 cells and the header has 2 cells" in str(error)
    assert error.row == 1


@pytest.mark.parametrize("size", [1_500_000, 4_000_000, 5_000_000])
@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_large_cell_is_read(size: int, quote: bytes, tmp_path: Path) -> None:
    """What is too large for the wire is the pipeline's to say, about one row."""
    rows = read(b"id,t\n1,a\n2," + quote + b"x" * size + quote + b"\n3,c\n", tmp_path)

    assert [len(row["t"]) for row in rows] == [1, size, 1]


def test_a_cell_beyond_the_limit_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b'id,t\n1,a\n2,"' + b"x" * (3 << 20) + b"\n")

    with pytest.raises(Rejected, match=r"line 3 is longer than 1048576 bytes; is the quote at line 3, column 3"):
        open_table(path, spool=tmp_path, limits=Limits(text_bytes=1 << 20))


@pytest.mark.parametrize("data", [b"id,text\n", b"id,text", b"\xef\xbb\xbfid,text\r\n"])
@pytest.mark.parametrize("name", ["table.csv", "table"])
def test_a_header_alone_is_an_empty_table(data: bytes, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)

    with open_table(tmp_path / name, spool=tmp_path) as opened:
        assert ([column.name for column in opened.columns], opened.rows) == (["id", "text"], 0)


def test_one_column_is_a_table_where_the_name_says_so(tmp_path: Path) -> None:
    assert read(b"text\nhello\nworld\n", tmp_path, "t.csv") == [{"text": "hello"}, {"text": "world"}]
    assert read(b"text\nhello\n", tmp_path, "t.txt", delimiter=",") == [{"text": "hello"}]
    assert "name the file .csv" in str(refusal(b"text\nhello\nworld\n", tmp_path, "notes.txt"))


def test_a_zero_byte_is_text_for_the_pipeline_to_refuse(tmp_path: Path) -> None:
    assert read(b"id,text\n1,a\0b\n2,c\n", tmp_path) == [{"id": "1", "text": "a\0b"}, {"id": "2", "text": "c"}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_by_content(delimiter: str, tmp_path: Path) -> None:
    rows = [["id", "text"], ["1", "one, two; three"], ["2", "1,5"], ["3", "x"]]

    assert read(written(rows, delimiter=delimiter), tmp_path, "table") == as_dicts(rows)


def test_a_delimiter_that_cannot_be_told_is_asked_for(tmp_path: Path) -> None:
    data = b"a,b;c\n1,2;3\n"

    error = str(refusal(data, tmp_path, "table"))

    assert "comma: 2 columns" in error
    assert "semicolon: 2 columns" in error
    assert read(data, tmp_path, "table", delimiter=";") == [{"a,b": "1,2", "c": "3"}]
    assert read(data, tmp_path, "named.csv") == [{"a": "1", "b;c": "2;3"}]


TEXTS = {
    "utf-8": ["안녕하세요", "東京", "é"],
    "utf-16": ["안녕하세요", "東京", "é"],
    "utf-16-le": ["안녕하세요", "東京"],
    "utf-16-be": ["안녕하세요", "plain"],
    "cp949": ["데이터 엔지니어 채용", "서울", "똠방각하"],
    "euc_kr": ["김철수", "부산 광역시"],
    "shift_jis": ["こんにちは世界", "東京都", "プログラミング"],
    "gb18030": ["数据工程师", "北京", "你好世界"],
    "cp1252": ["Müller", "“déjà vu” – 5 €", "Besançon"],
    "latin-1": ["Straße", "François", "mañana"],
}


@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("late", [False, True])
def test_the_encoding_is_told_by_content(encoding: str, late: bool, tmp_path: Path) -> None:
    """Also if the first non-ASCII character is far behind the first bytes."""
    rows = [["id", "text"], *([str(n), "plain"] for n in range(100_000 if late else 1))]
    rows += [[f"x{n}", text] for n, text in enumerate(TEXTS[encoding] * 3)]
    path = tmp_path / "table.csv"
    path.write_bytes("".join(f"{a},{b}\n" for a, b in rows).encode(encoding))

    with open_table(path, spool=tmp_path) as opened:
        last = opened.read(opened.rows - 6, opened.rows).columns["text"]

    assert last == [row[1] for row in rows[-6:]]

    report = inspect_file(path, spool=tmp_path).to_dict()
    assert report["delimiter"] == "comma"
    assert report["note"] is None
    assert 0.3 < report["certainty"] <= 1


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Привет мир"),
        ("koi8-r", "Москва"),
        ("cp1250", "Erdő"),
        ("cp1254", "Şişli"),
        ("big5", "臺北市"),
        ("euc_jp", "こんにちは"),
    ],
)
def test_an_encoding_that_cannot_be_told_is_asked_for(encoding: str, text: str, tmp_path: Path) -> None:
    data = f"id,text\n1,{text}\n".encode(encoding)

    error = str(refusal(data, tmp_path))

    assert "the encoding cannot be told (considered: utf-8" in error
    assert "--encoding" in error
    assert read(data, tmp_path, encoding=encoding) == [{"id": "1", "text": text}]


@pytest.mark.parametrize(("encoding", "bad"), [("utf-8", b"\xff"), ("cp949", b"\xff"), ("utf-16-le", b"\x00\xd8")])
def test_a_byte_that_is_no_text_names_its_row(encoding: str, bad: bytes, tmp_path: Path) -> None:
    lines = [f"{n},서울\n".encode(encoding) for n in range(40_000)]
    lines[30_000] = "x,".encode(encoding) + bad + "\n".encode(encoding)

    error = refusal("id,t\n".encode(encoding) + b"".join(lines), tmp_path, encoding=encoding)

    assert error.row == 30_000
    assert encoding in str(error)
    assert "line 30002" in str(error)


NO_TABLES = {
    "log": (b"2024-01-01 10:00:00,123 INFO start\n2024-01-01 10:00:01,124 ERROR stop\n", "a log"),
    "syslog": (b"Jan  1 10:00:00 host sshd[1]: a, b\nJan  1 10:00:01 host sshd[1]: c, d\n", "a log"),
    "access": (b'1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /a,b HTTP/1.0" 200 2\n' * 3, "a log"),
    "sql": (b"INSERT INTO t VALUES (1, 'a');\nINSERT INTO t VALUES (2, 'b');\n", "SQL"),
    "ddl": (b"-- made by a tool\nCREATE TABLE t (\n id int,\n name text\n);\n", "SQL"),
    "yaml": (b"name: x, y\nother: 1, 2\n", "YAML"),
    "ini": (b"[section]\nkey = a, b\nother = c, d\n", "settings"),
    "code": (b"import os, sys\nprint(1, 2)\n", "source code"),
    "prose": (b"Hello, world.\nGoodbye, moon.\n", "prose"),
    "sentence": (b"All in all, it was a good day", "prose"),
    "paragraph": (b"It was, they say, late\nand cold, too\nso nobody came\n", "no table that can be told"),
    "blank": (b"\n \n", "blank"),
    "empty": (b"", "empty"),
    "noise": (bytes(random.Random(3).randbytes(4000)), "binary"),
    "zeros": (bytes(4000), "binary"),
}


@pytest.mark.parametrize("name", NO_TABLES)
def test_text_that_is_no_table_is_refused_saying_so(name: str, tmp_path: Path) -> None:
    data, words = NO_TABLES[name]

    error = refusal(data, tmp_path, "file.txt")

    assert error.kind == "not a table"
    assert words in str(error)


@pytest.mark.parametrize(
    "header", ["(id),text", "]id,text", "}id,text", "category,name", "company,city", "[id],text", "cos\tsystem", "(a;b"]
)
def test_a_header_that_begins_like_a_pickle_is_a_header(header: str, tmp_path: Path) -> None:
    delimiter = next(mark for mark in "\t;," if mark in header)

    (row,) = read(f"{header}\n1{delimiter}a\n".encode(), tmp_path, "table")

    assert list(row) == header.split(delimiter)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_an_array_of_objects_is_a_table(indent: int | None, mark: str, tmp_path: Path) -> None:
    rows = [{"id": n, "text": "é" * (n % 7), "more": {"a": [n, None, True]}} for n in range(900)]
    path = tmp_path / "table"
    path.write_text(mark + json.dumps(rows, indent=indent, ensure_ascii=False), encoding="utf-8")

    assert read_twice(path, tmp_path) == rows


def test_objects_larger_than_a_window_are_read(tmp_path: Path) -> None:
    rows = [{"id": n, "text": "글" * (1 << 20)} for n in range(3)]
    (tmp_path / "table").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")

    assert read_twice(tmp_path / "table", tmp_path) == rows


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'[{"a":1},{"b":2}', "the array is not closed"),
        (b'[{"a":1},{"b":2', "is not JSON"),
        (b'[{"a":1} {"b":2}]', "is due"),
        (b'[{"a":1},]', "is due"),
        (b'[{"a":1}]x', "follows the end"),
        (b"[1, 2, 3]", "is no object"),
        (b'[{"a":1}, [2]]', "is no object"),
        (b'[{"a":"\xff"}]', "encoding cannot be told"),
        (b'{\n "a": 1\n}\n', "one JSON object over several lines"),
    ],
)
def test_json_that_is_no_table_is_refused(data: bytes, words: str, tmp_path: Path) -> None:
    assert words in str(refusal(data, tmp_path, "table"))


@pytest.mark.parametrize("depth", [70, 900, 100_000])
@pytest.mark.parametrize("form", ["%s\n", "[%s]"])
def test_deep_json_is_refused_with_its_row(depth: int, form: str, tmp_path: Path) -> None:
    deep = '{"a":1}' + (",\n" if form == "[%s]" else "\n") + '{"a":' + "[" * depth + "]" * depth + "}"

    error = refusal((form % deep).encode(), tmp_path, "table")

    assert (error.kind, error.row) == ("over a limit", 1)
    assert "nests deeper than 60" in str(error)


def test_json_in_another_encoding_is_named(tmp_path: Path) -> None:
    data = '{"a": "안녕하세요 개발자"}\n'.encode("cp949")

    assert "the text is JSON in cp949" in str(refusal(data, tmp_path, "table"))


def test_many_columns_are_read(tmp_path: Path) -> None:
    names = [f"c{n}" for n in range(700)]
    frame = pd.DataFrame([[str(n) for n in range(700)]] * 40, columns=names)

    rows = read(frame.to_csv(index=False).encode(), tmp_path)

    assert rows == frame.to_dict(orient="records")


@pytest.mark.parametrize(
    "options",
    [
        {"delimiter": "ab"},
        {"delimiter": '"'},
        {"delimiter": "é"},
        {"encoding": "nope"},
        {"encoding": "base64"},
        {"sheet": ""},
    ],
)
def test_an_impossible_option_is_an_error_of_its_own(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"must|is not known"):
        ReadOptions(**options)


@pytest.mark.parametrize("name", ENCODINGS)
def test_an_encoding_has_the_name_that_python_gives_it(name: str) -> None:
    assert ReadOptions(encoding=name).encoding == name


def test_options_survive_json() -> None:
    options = ReadOptions(delimiter="tab", encoding="EUC-KR", sheet="2")

    assert ReadOptions.from_dict(json.loads(json.dumps(options.to_dict()))) == options
    assert (options.delimiter, options.encoding) == ("\t", "euc_kr")
