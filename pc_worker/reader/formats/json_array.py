"""A JSON array of objects, in one line or many: decoded object by object, never whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from pc_worker.reader.errors import Rejected, broken, over_limit
from pc_worker.reader.files.source import Source
from pc_worker.reader.formats.json_rows import check_depth, fault, json_format, too_deep
from pc_worker.reader.limits import Limits

_BLANK = " \t\r\n"
_MARK = b"\xef\xbb\xbf"
_decode = json.JSONDecoder().raw_decode
_decode_whole = msgspec.json.Decoder().decode
#: Objects in a row that do not end as expected, after which that is not tried again.
_GUESSES = 16


class _Text:
    """A window of the file as text, of which a part is used up.

    Args:
        content: The file.
        start: The byte to begin at.
        limits: The budgets.
        step: Bytes to read at a time.
    """

    def __init__(self, content: Source, start: int, limits: Limits, step: int) -> None:
        self._content, self._limits, self._step = content, limits, step
        self._base = self._end = start
        self._rest = b""
        self.text, self.at = "", 0
        self._told = self._wrong = 0

    def offset(self) -> int:
        """Return the byte offset of the place; what was passed since it was last asked for is looked at once."""
        if self._told == self.at:
            return self._base
        passed = self.text[self._told : self.at]
        self._base += len(passed) if passed.isascii() else len(passed.encode("utf-8"))
        self._told = self.at
        return self._base

    def more(self) -> bool:
        """Drop what is used, and read on, at least as much as is kept; False at the end of the file."""
        length = min(max(self._step, len(self.text) - self.at), self._content.size - self._end)
        if length <= 0:
            return False
        if len(self.text) - self.at > self._limits.cell_bytes:
            raise over_limit(f"an object is longer than {self._limits.cell_bytes} bytes", self.offset())
        self.offset()
        data = self._rest + self._content.read(self._end, length)
        self._end += length
        self.text = self.text[self.at :] + self._decoded(data)
        self.at = self._told = 0
        return True

    def _decoded(self, data: bytes) -> str:
        try:
            self._rest = b""
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data" and self._end < self._content.size:
                self._rest = data[error.start :]
                return data[: error.start].decode("utf-8")
            offset = self._end - len(data) + error.start
            raise broken(f"byte 0x{data[error.start]:02x} is not UTF-8", offset) from error

    def next_mark(self) -> str:
        """Return the next character that is not blank, without using it; nothing at the end of the file."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in _BLANK:
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def value(self, row: int) -> Any:
        """Return the next value, and use it.

        Raises:
            Rejected: If it is no JSON, or cut.
        """
        while True:
            try:
                value, end = _decode(self.text, self.at)
            except RecursionError as error:
                raise too_deep(self._limits, self.offset(), row) from error
            except ValueError as error:
                if self.more():
                    continue
                raise Rejected("broken", f"an object is not JSON: {fault(error)}", self.offset(), row=row) from error
            if end < len(self.text) or not self.more():  # a number may go on in the next window
                held = self.text.count("[", self.at, end) + self.text.count("{", self.at, end)
                if held > self._limits.depth:
                    check_depth(value, self._limits, self.offset(), row)
                self.at = end
                return value

    def plain_object(self, row: int) -> tuple[int, dict[str, Any]] | None:
        """Return the next object with its offset, and use it and its comma, if it ends where the first ``},`` is.

        Return None, and use nothing, if it does not, as one that holds objects. No object is the beginning of another,
        so what decodes is the whole. msgspec is several times faster than json, and refuses what json may still take.
        """
        start, end = self.at, self.text.find("},", self.at) + 1
        if end == 0 or self._wrong > _GUESSES or not self.text.startswith("{", start):
            return None
        piece = self.text[start:end]
        try:
            value = _decode_whole(piece)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self._wrong += 1
            return None
        offset = self.offset()
        if piece.count("[") + piece.count("{") > self._limits.depth:
            check_depth(value, self._limits, offset, row)
        self._wrong, self.at, self._told = 0, end + 1, end + 1
        self._base = offset + 1 + (len(piece) if piece.isascii() else len(piece.encode("utf-8")))
        return offset, value


def _objects(content: Source, start: int, row: int, limits: Limits, step: int) -> Iterator[tuple[int, dict[str, Any]]]:
    text = _Text(content, start or _after_mark(content), limits, step)
    if start == 0:
        text.next_mark()
        text.at += 1
        if text.next_mark() == "]":
            text.at += 1
            return _check_end(text, row)
    while True:
        while found := text.plain_object(row):
            yield found
            row += 1
        mark, offset = text.next_mark(), text.offset()
        if mark != "{":
            raise _no_object(mark, offset, row)
        yield offset, text.value(row)
        row += 1
        mark = text.next_mark()
        if mark not in (",", "]") or not mark:
            raise _no_object(mark, text.offset(), row)
        text.at += 1
        if mark == "]":
            return _check_end(text, row)


def _after_mark(content: Source) -> int:
    return len(_MARK) if content.read(0, min(3, content.size)) == _MARK else 0


def _no_object(mark: str, offset: int, row: int) -> Rejected:
    if not mark:
        return Rejected("broken", "the array is not closed: the file is cut", offset, row=row)
    if mark in '["-0123456789tfn':
        return Rejected("not a table", "an item of the array is no object", offset, row=row)
    return Rejected("broken", f"the array has {mark!r} where an object or its end is due", offset, row=row)


def _check_end(text: _Text, row: int) -> None:
    if text.next_mark():
        raise Rejected("broken", "something follows the end of the array", text.offset(), row=row)


FORMAT = json_format("JSON array", _objects)
