"""Turns text of any encoding into UTF-8, in steps."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator

from pc_worker.reader.errors import Rejected
from pc_worker.reader.files.source import Source

_STEP = 1 << 20
_MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


class Undecodable(Exception):
    """A byte is no text in the encoding; all before it was given."""

    def __init__(self, encoding: str, offset: int, byte: int) -> None:
        super().__init__(encoding, offset, byte)
        self.encoding, self.offset, self.byte = encoding, offset, byte

    def rejection(self, *, row: int, line: int) -> Rejected:
        """Return the error that names the row and what to do."""
        reason = (
            f"byte 0x{self.byte:02x} in line {line} is not {self.encoding}; name the right encoding with --encoding"
        )
        return Rejected("broken", reason, self.offset, row=max(row, 0))


def utf8_segments(
    content: Source, encoding: str, *, start: int | None = None, other: Callable[[int], str | None] | None = None
) -> Iterator[bytes]:
    """Yield the text of ``content`` as UTF-8, without a byte-order mark.

    Args:
        content: The file.
        encoding: Its encoding.
        start: Where to begin; None = after the byte-order mark.
        other: Returns the encoding to continue with, for the offset of the first byte that is not ASCII and not UTF-8.

    Raises:
        Undecodable: At the first byte that is no text, after all before it.
    """
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    offset = mark_length(content.read(0, min(4, content.size)), encoding) if start is None else start
    held, plain = False, encoding == "utf-8"
    while offset < content.size:
        data = content.read(offset, min(_STEP, content.size - offset))
        offset += len(data)
        if encoding == "utf-8" and not held and data.isascii():
            yield data
            continue
        try:
            text = decoder.decode(data, final=offset == content.size)
        except UnicodeDecodeError as error:
            yield from _good(error, encoding)
            bad = offset - len(error.object) + error.start
            plain = plain and error.object[: error.start].isascii()
            found = other(bad) if plain and other is not None else None
            if found is None:
                raise Undecodable(encoding, bad, error.object[error.start]) from error
            yield from utf8_segments(content, found, start=bad)
            return
        plain = plain and text.isascii()
        held = bool(decoder.getstate()[0])
        yield text.encode("utf-8")


def _good(error: UnicodeDecodeError, encoding: str) -> Iterator[bytes]:
    good = error.object[: error.start]
    if good:
        yield good.decode(encoding, "replace").encode("utf-8")


def mark_length(head: bytes, encoding: str) -> int:
    """Return how many bytes at the start of a text are its byte-order mark."""
    mark = _MARKS.get(encoding)
    return len(mark) if mark is not None and head.startswith(mark) else 0
