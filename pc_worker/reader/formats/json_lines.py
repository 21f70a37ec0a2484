"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pc_worker.reader.errors import Refused, over_limit
from pc_worker.reader.formats.json_rows import check_depth, json_format, too_deep
from pc_worker.reader.limits import Limits
from pc_worker.reader.source import Source

_STEP = 1 << 20


def _lines(content: Source, start: int, limits: Limits) -> Iterator[tuple[int, bytes]]:
    """Yield the lines from byte ``start`` on that are not blank, each with its offset."""
    kept, at = b"", start
    for offset in range(start, content.size, _STEP):
        kept += content.read(offset, min(_STEP, content.size - offset))
        *whole, kept = kept.split(b"\n")
        if len(kept) > limits.cell_bytes:
            raise over_limit(f"a line is longer than {limits.cell_bytes} bytes", at)
        for line in whole:
            if line.strip():
                yield at, line
            at += len(line) + 1
    if kept.strip():
        yield at, kept


def objects(content: Source, start: int, row: int, limits: Limits) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects from byte ``start`` on, each with its offset; ``row`` is the number of the first."""
    for number, (offset, line) in enumerate(_lines(content, start, limits), row):
        try:
            value = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
        except RecursionError as error:
            raise too_deep(limits, offset, number) from error
        except ValueError as error:
            raise _no_json(line, error, offset, number) from error
        if not isinstance(value, dict):
            raise Refused("not a table", "a line is JSON but no object", offset, row=number)
        if line.count(b"[") + line.count(b"{") > limits.depth:
            check_depth(value, limits, offset, number)
        yield offset, value


def _no_json(line: bytes, error: ValueError, offset: int, row: int) -> Refused:
    if isinstance(error, UnicodeDecodeError):
        return Refused("broken", f"byte 0x{line[error.start]:02x} is not UTF-8", offset + error.start, row=row)
    if row == 0 and line.strip() in (b"{", b"\xef\xbb\xbf{"):
        reason = "it is one JSON object over several lines: give an array of objects, or one object a line"
        return Refused("not a table", reason, offset)
    return Refused("broken", f"a line is not JSON: {str(error)[:100]}", offset, row=row)


FORMAT = json_format("JSON Lines", objects)
