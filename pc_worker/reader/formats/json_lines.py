"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from pc_worker.reader.errors import Rejected, over_limit
from pc_worker.reader.files.source import Source
from pc_worker.reader.formats.json_rows import STEP, check_depth, fault, json_format, too_deep
from pc_worker.reader.limits import Limits

_decode = msgspec.json.Decoder().decode


def lines(content: Source, start: int, limits: Limits, step: int) -> Iterator[tuple[int, bytes]]:
    """Yield the lines from byte ``start`` on that are not blank, each with its offset."""
    kept, at = b"", start
    for offset in range(start, content.size, step):
        kept += content.read(offset, min(step, content.size - offset))
        *whole, kept = kept.split(b"\n")
        if len(kept) > limits.cell_bytes:
            raise over_limit(f"a line is longer than {limits.cell_bytes} bytes", at)
        for line in whole:
            if line and not line.isspace():
                yield at, line
            at += len(line) + 1
    if kept.strip():
        yield at, kept


def objects(
    content: Source, start: int, row: int, limits: Limits, step: int = STEP
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects from byte ``start`` on, each with its offset; ``row`` is the number of the first.

    ``step`` is the number of bytes read at a time.
    """
    for number, (offset, line) in enumerate(lines(content, start, limits, step), row):
        try:
            value = _value(line.removeprefix(b"\xef\xbb\xbf"))
        except RecursionError as error:
            raise too_deep(limits, offset, number) from error
        except ValueError as error:
            raise _no_json(line, error, offset, number) from error
        if not isinstance(value, dict):
            raise Rejected("not a table", "a line is JSON but no object", offset, row=number)
        if line.count(b"[") + line.count(b"{") > limits.depth:
            check_depth(value, limits, offset, number)
        yield offset, value


def _value(line: bytes) -> Any:
    """Return the value in ``line``, as ``json.loads`` reads it.

    msgspec is several times faster. What it refuses, such as NaN, a number too large and a lone surrogate, ``json``
    may still take, and words the error of what neither takes.

    Raises:
        ValueError, RecursionError: If it is no JSON, or nests deeper than the interpreter's stack.
    """
    try:
        return _decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return json.loads(line)


def _no_json(line: bytes, error: ValueError, offset: int, row: int) -> Rejected:
    if isinstance(error, UnicodeDecodeError):
        return Rejected("broken", f"byte 0x{line[error.start]:02x} is not UTF-8", offset + error.start, row=row)
    if row == 0 and line.strip() in (b"{", b"\xef\xbb\xbf{"):
        reason = "it is one JSON object over several lines: give an array of objects, or one object a line"
        return Rejected("not a table", reason, offset)
    return Rejected("broken", f"a line is not JSON: {fault(error)}", offset, row=row)


FORMAT = json_format("JSON Lines", objects)
