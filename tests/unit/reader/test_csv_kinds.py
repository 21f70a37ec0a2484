"""CSV files of the kinds that pandas, polars, DuckDB and csvkit test: the rows of pandas, or a rejection."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pc_worker.reader import ReadOptions, Rejected, open_table


@dataclass(frozen=True)
class Equal:
    """A file that is read as pandas reads it, with these arguments beyond the usual."""

    data: bytes
    pandas: dict[str, Any]
    options: ReadOptions


def equal(data: bytes | str, *, options: ReadOptions | None = None, **pandas: Any) -> Equal:
    return Equal(data.encode() if isinstance(data, str) else data, pandas, options or ReadOptions())


READ = {
    "plain": equal("a,b,c\n1,2,3\n4,5,6\n"),
    "no last line end": equal("a,b\n1,2\n3,4"),
    "line ends of Windows": equal("a,b\r\n1,2\r\n3,4\r\n"),
    "line ends of old Macs": equal("a,b\r1,2\r3,4\r"),
    "mixed line ends": equal("a,b\n1,2\r\n3,4\n"),
    "byte-order mark": equal(b"\xef\xbb\xbfa,b\n1,2\n", encoding="utf-8-sig"),
    "mark and a quoted header": equal(b'\xef\xbb\xbf"a, x",b\n1,2\n', encoding="utf-8-sig"),
    "quoted header": equal('"first name","last ""x"" name"\nann,lee\n'),
    "quoted delimiter": equal('a,b\n"1,5",2\n"x,y,z","3"\n'),
    "quoted line end": equal('a,b\n"one\ntwo",1\n"three\r\nfour",2\n'),
    "doubled quotes": equal('a,b\n"say ""hi""",1\n"""",2\n"""a""",3\n'),
    "empty quoted cells": equal('a,b,c\n"","",""\n"",1,\n'),
    "only empty cells": equal("a,b,c\n,,\n,,\n"),
    "leading and trailing blanks": equal("a, b ,c\n 1 , 2,3 \n"),
    "blanks only": equal("a,b\n ,  \n1,2\n"),
    "blank lines between": equal("a,b\n\n1,2\n\n\n3,4\n\n"),
    "blank lines before the header": equal("\n\na,b\n1,2\n"),
    "leading zeros": equal("zip,id\n00501,0007\n01001,1e5\n"),
    "numbers that are too long": equal("n,m\n123456789012345678901234567890,1\n0.1234567890123456789,2\n"),
    "words that stand for null": equal("a,b\nNA,null\nNaN,None\nN/A,#N/A\n-,?\n"),
    "words that stand for truth": equal("a,b\nTrue,FALSE\nyes,no\n"),
    "infinity and signs": equal("a,b\ninf,-inf\n+1,-0\n"),
    "dates": equal("day,time\n2024-02-29,12:30:00\n31/12/1999,2000-01-01T00:00:00Z\n"),
    "hexadecimal": equal("a,b\n0xff,0b1\n1_000,1L\n"),
    "thousands in quotes": equal('a,b\n"1,000","2,500.75"\n'),
    "currency": equal('item,price\ntea,"€1,20"\nrice,£3\n'),
    "duplicate labels": equal("a,a,b,a\n1,2,3,4\n"),
    "label that a duplicate would get": equal("a,a.1,a\n1,2,3\n"),
    "empty label": equal("a,,c\n1,2,3\n"),
    "several empty labels": equal(",,a\n1,2,3\n"),
    "numbers as labels": equal("0,1,2\nx,y,z\n"),
    "header alone": equal("a,b,c\n"),
    "header alone without a line end": equal("a,b,c"),
    "one row": equal("a,b\n1,2"),
    "semicolon": equal("a;b\n1,5;2\n3,0;4\n", sep=";"),
    "tab": equal("a\tb\n1\t2\n3\t4\n", sep="\t"),
    "pipe": equal("a|b\n1|2\n3|4\n", sep="|"),
    "caret, named": equal("a^b\n1^2\n", sep="^", options=ReadOptions(delimiter="^")),
    "semicolon with commas in text": equal("id;text\n1;a, b, c\n2;d\n3;e, f\n", sep=";"),
    "tab with empty last cell": equal("a\tb\tc\n1\t2\t\n3\t\t\n", sep="\t"),
    "korean": equal("이름,나이\n김철수,30\n이영희,25\n"),
    "korean in cp949": equal("이름,나이\n김철수,30\n이영희,25\n".encode("cp949"), encoding="cp949"),
    "japanese in Shift-JIS": equal("名前,年齢\n田中さん,30\n山田さん,25\n".encode("cp932"), encoding="cp932"),
    "UTF-16 with a mark": equal("a,b\nä,ö\n1,2\n".encode("utf-16"), encoding="utf-16"),
    "UTF-16 of the other order": equal(b"\xfe\xff" + "a,b\nä,ö\n".encode("utf-16-be"), encoding="utf-16"),
    "emoji and combined signs": equal("a,b\n👍🏽,é\n🇰🇷,\u200b\n"),
    "line separators of Unicode": equal("a,b\nx\u2028y,z\x85w\n1,2\n"),
    "vertical tab and form feed": equal("a,b\nx\x0by,z\x0cw\n1,2\n"),
    "quote inside a plain cell": equal('a,b\n5" disk,1\n6"x,2\n'),
    "apostrophes are no quotes": equal("a,b\n'x,y'\nit's,1\n"),
    "backslashes stay": equal('a,b\nC:\\dir,x\\ny\n"a\\\\b",2\n'),
    "hash is no comment": equal("a,b\n#1,2\nx#y,3\n"),
    "JSON in a cell": equal('id,json\n1,"{""a"": [1, 2]}"\n2,{}\n'),
    "URLs": equal("url,n\nhttp://x.org/?a=1&b=2#c,1\nmailto:a@b.c,2\n"),
    "equals signs": equal('a,b\n=1+1,"=""x"""\n@cmd,+1\n'),
    "long cell": equal("a,b\n" + "x" * 300_000 + ",1\n2,3\n"),
    "long quoted cell": equal('a,b\n"' + "x,\n" * 60_000 + '",1\n'),
    "500 columns": equal("\n".join(",".join(str(n + k) for n in range(500)) for k in range(4)) + "\n"),
    "quoted cells that end the file": equal('a,b\n1,"2"\n3,"4"'),
    "one column of fixed width": equal("name   age\nann     30\nbob     25\n"),
    "quotes around all": equal('"a";"b"\n"1";"2;3"\n"4";""\n', sep=";"),
}


@pytest.mark.parametrize("name", READ)
def test_rows_are_those_of_pandas(name: str, tmp_path: Path) -> None:
    case = READ[name]
    expected = pd.read_csv(io.BytesIO(case.data), dtype=str, keep_default_na=False, **case.pandas)

    names, rows = ours(case.data, tmp_path, case.options)

    assert names == [str(label) for label in expected.columns]
    assert rows == expected.to_numpy().tolist()


def ours(data: bytes, folder: Path, options: ReadOptions | None = None) -> tuple[list[str], list[list[Any]]]:
    (folder / "f.csv").write_bytes(data)
    with open_table(folder / "f.csv", spool=folder, options=options or ReadOptions()) as table:
        names = [column.name for column in table.columns]
        cells = table.read(0, table.rows).columns
        return names, [["" if cells[n][row] is None else cells[n][row] for n in names] for row in range(table.rows)]


REFUSED = {
    "too many cells": ("a,b\n1,2\n1,2,3\n", "line 3 has 3 cells and the header has 2 cells"),
    "too few cells": ("a,b,c\n1,2,3\n1,2\n", "line 3 has 2 cells and the header has 3 cells"),
    "index without a label": ("a,b\nx,1,2\ny,3,4\n", "line 2 has 3 cells and the header has 2 cells"),
    "delimiter at the end of rows": ("a,b\n1,2,\n3,4,\n", "line 2 has 3 cells and the header has 2 cells"),
    "quote never closed": ('a,b\n"1,2\n3,4\n', "the quote at line 2, column 1 is never closed"),
    "text after a quoted cell": ('a,b\n"1"x,2\n', "line 2, column 1"),
    "comment line": ("a,b\n# hello\n1,2\n", "line 2 has 1 cell and the header has 2 cells"),
    "title above the table": ("Report of May\na,b\n1,2\n3,4\n", "--delimiter|line 2"),
    "total below the table": ("a,b\n1,2\n3,4\nTotal\n", "line 4 has 1 cell and the header has 2 cells"),
    "empty": ("", "the file is empty"),
    "blank": ("\n \n\n", "the file is blank|blank"),
    "cut in a quoted cell": ('a,b\n1,"two\n', "the quote at line 2, column 3 is never closed"),
    "escaped by backslash": ('a,b\n"say \\"hi\\"",1\n', "a quote inside a quoted cell is written twice"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pandas_would_guess_at_is_refused_with_its_place(name: str, tmp_path: Path) -> None:
    data, words = REFUSED[name]

    with pytest.raises(Rejected, match=words):
        ours(data.encode(), tmp_path)


OTHERS = {
    "note for Excel": ("sep=;\na;b\n1;2\n", "its first line, 'sep=;', is no header but a note for Excel"),
    "note for Excel, tab": ('"sep=\t"\na\tb\n1\t2\n', "is no header but a note for Excel"),
    "Markdown": ("| a | b |\n|---|:-:|\n| 1 | 2 |\n", "the text is a Markdown table, no table"),
    "Markdown without outer pipes": ("a | b\n--- | ---\n1 | 2\n", "a Markdown table"),
    "LTSV": ("time:1\thost:a\ntime:2\thost:b\n", "LTSV, whose cells have a label each"),
    "objects in one line": ('{"a": 1}{"a": 2}\n', "something follows it at column 9; put each object in a line of"),
    "objects with commas": ('{"a": 1},\n{"a": 2}\n', "something follows it at column 9; .* without a comma"),
    "a number without end": ('{"a": ' + "9" * 5000 + "}\n", "a number has more than 4300 digits; write it as text"),
}


@pytest.fixture
def usual_digits() -> Iterator[None]:
    """Let Python convert at most 4,300 digits, its default: the command line lifts that limit for its process."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(4300)
    yield
    sys.set_int_max_str_digits(before)


@pytest.mark.usefixtures("usual_digits")
@pytest.mark.parametrize("name", OTHERS)
def test_text_that_looks_like_a_table_is_refused_by_what_it_is(name: str, tmp_path: Path) -> None:
    data, words = OTHERS[name]
    (tmp_path / "f.txt").write_text(data)

    with pytest.raises(Rejected, match=words):
        open_table(tmp_path / "f.txt", spool=tmp_path)
