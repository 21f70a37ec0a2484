"""How commands show data: JSON documents and lines on stdout, tables for people."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Any

from pc_worker.invisible_characters import UNSEEN

#: Columns of a table that is not on a terminal: wide enough for any cell.
WIDEST = 100_000

#: Width up to which a cell is never folded: a UUID has 36 characters.
WHOLE = 36

#: Blanks between two columns.
GAP = 2

#: The code of a style on a terminal.
STYLE = re.compile(r"\x1b\[[0-9;]*m")
ENDING_STYLE = re.compile(rf"{STYLE.pattern}\Z")

#: Of what is unseen, those that JSON leaves as they are, and that act on a terminal or have no UTF-8.
BARE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Show control characters as escapes: what names, rows and errors hold never acts on a terminal."""
    return UNSEEN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is not UTF-8
        code -= 0xDC00
    return {9: "\\t", 10: "\\n", 13: "\\r"}.get(code, f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def print_json(value: Any) -> None:
    """Print one JSON document."""
    print(json_text(value, indent=2))


def print_json_array(values: Iterable[Any]) -> None:
    """Print one JSON document, an array, item by item: it may be larger than memory."""
    separator = "["
    for value in values:
        sys.stdout.write(f"{separator}\n{indent(json_text(value, indent=2), '  ')}")
        separator = ","
    print("[]" if separator == "[" else "\n]")


def print_json_line(value: Any) -> None:
    """Print one JSON line."""
    sys.stdout.write(json_text(value) + "\n")


@dataclass(frozen=True, slots=True)
class Marked:
    """A cell with marked ranges of characters: emphasised on a terminal, between asterisks elsewhere."""

    text: str
    marks: Sequence[tuple[int, int]]


def load_tables() -> None:
    """Import what tables are made with: a command that waits for something else meanwhile prints them sooner."""
    for name in ("rich.console", "rich.table"):
        importlib.import_module(name)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table for people; without a head if no column has a name."""
    from rich.console import Console  # not loaded for a JSON document
    from rich.table import Table
    from rich.text import Text

    cells = [[Text.assemble(*_segments(cell)) for cell in row] for row in rows]
    table = Table(box=None, pad_edge=False, show_header=any(columns))
    # Ids stay whole, so that they can be copied; long texts fill the rest of a line.
    widest = [max((row[place].cell_len for row in cells), default=0) for place in range(len(columns))]
    least = [max(len(column), min(width, WHOLE)) for column, width in zip(columns, widest, strict=True)]
    for column, width in zip(columns, least, strict=True):
        table.add_column(Text(column), overflow="fold", min_width=width)
    for row in cells:
        table.add_row(*row)
    # In a pipe or a file no line is folded: `grep` and `awk` see whole cells. A narrow terminal folds whole lines.
    console = Console(width=None if sys.stdout.isatty() else WIDEST)
    console.width = max(console.width, sum(least) + GAP * (len(least) - 1))
    with console.capture() as text:
        console.print(table)
    sys.stdout.writelines(f"{_without_ending_blanks(line)}\n" for line in text.get().splitlines())


def _without_ending_blanks(line: str) -> str:
    """Return a line without the blanks at its end; styles between them stay.

    One expression for all of them takes quadratic time for the blanks inside a line, which a long cell makes many.
    """
    styles = ""
    while (line := line.rstrip(" ")).endswith("m") and (style := ENDING_STYLE.search(line, line.rfind("\x1b"))):
        line, styles = line[: style.start()], style.group() + styles
    return line + styles


def _segments(cell: object) -> Iterator[str | tuple[str, str]]:
    """Yield the segments of a cell as rich has them: text, or text with a style."""
    if not isinstance(cell, Marked):
        yield "" if cell is None else visible(str(cell))
        return
    after = 0
    for start, end in cell.marks:
        yield visible(cell.text[after:start])
        marked = visible(cell.text[start:end])
        yield (marked, "bold underline") if sys.stdout.isatty() else f"*{marked}*"
        after = end
    yield visible(cell.text[after:])


def duration(seconds: float) -> str:
    """Return seconds for people, to two places of units."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s"


def size(count: float) -> str:
    """Return bytes for people."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def json_text(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON without characters that act on a terminal."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return BARE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
