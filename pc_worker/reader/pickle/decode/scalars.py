"""Decodes the opcodes that are for one plain value: numbers, texts, bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable

from pc_worker.reader.errors import broken, over_limit, unsafe
from pc_worker.reader.pickle import opcodes as op

#: Given the bytes and where the opcode is: the value and where the next opcode is.
Decode = Callable[[bytes, int], tuple[object, int]]
_DOUBLE = struct.Struct(">d").unpack_from
#: Texts from this many bytes on are not copied before they are decoded.
_LONG_TEXT = 1024
#: The longest line of text that is for a number: as long as the largest integer we take.
MAX_LINE = 4300


def counted(data: bytes, pos: int) -> tuple[int, int]:
    """Return where the payload of the counted opcode at ``pos`` starts, and its length in bytes."""
    width = op.COUNTED[data[pos]]
    start = pos + 1 + width
    return start, int.from_bytes(data[pos + 1 : start], "little")


def text(raw: bytes | memoryview) -> str:
    """Return ``raw`` as pickle writes text: UTF-8 in which lone surrogates may be.

    Raises:
        Rejected: If it is not that.
    """
    try:
        return str(raw, "utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise broken(f"a text is not valid UTF-8 ({error.reason})") from error


def latin(raw: bytes) -> bytes:
    """Return the bytes that the text ``raw`` is for, a character each, as protocols 0 to 2 write them.

    Raises:
        Rejected: If it is not that.
    """
    try:
        return text(raw).encode("latin-1")
    except UnicodeEncodeError as error:
        raise unsafe("_codecs.encode is used for something else than bytes") from error


def _payload(data: bytes, pos: int) -> tuple[bytes, int]:
    start, length = counted(data, pos)
    raw = data[start : start + length]
    if len(raw) != length:
        raise broken("the file ends inside a value")
    return raw, start + length


def _text(data: bytes, pos: int) -> tuple[object, int]:
    start, length = counted(data, pos)
    if length > len(data) - start:
        raise broken("the file ends inside a value")
    if length < _LONG_TEXT:
        return text(data[start : start + length]), start + length
    return text(memoryview(data)[start : start + length]), start + length


def _bytearray(data: bytes, pos: int) -> tuple[object, int]:
    raw, end = _payload(data, pos)
    return bytearray(raw), end


def _old_string(data: bytes, pos: int) -> tuple[object, int]:
    raw, end = _payload(data, pos)
    return _ascii(raw), end


def _ascii(raw: bytes) -> str:
    """Decode a Python 2 string as ASCII, as pandas does, and fail on others."""
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise broken("a Python 2 string is not ASCII; write the file with Python 3") from error


def _long(data: bytes, pos: int) -> tuple[object, int]:
    raw, end = _payload(data, pos)
    return int.from_bytes(raw, "little", signed=True), end


def _int4(data: bytes, pos: int) -> tuple[object, int]:
    return int.from_bytes(data[pos + 1 : pos + 5], "little", signed=True), pos + 5


def line(data: bytes, pos: int) -> tuple[bytes, int]:
    """Return the line of text after the opcode at ``pos``, without its end, and where the next opcode is."""
    end = data.find(b"\n", pos + 1)
    if end < 0:
        raise broken("the file ends inside a line of text")
    return data[pos + 1 : end], end + 1


def _number_line(convert: Callable[[bytes], object]) -> Decode:
    def decode(data: bytes, pos: int) -> tuple[object, int]:
        raw, end = line(data, pos)
        if len(raw) > MAX_LINE:
            raise over_limit("a number is written with more than 4,300 digits")
        try:
            return convert(raw), end
        except ValueError as error:
            raise broken("a number is not written as one") from error

    return decode


def _decimal_int(raw: bytes) -> object:
    if raw in (b"00", b"01"):
        return raw == b"01"
    return int(raw)


def _decimal_long(raw: bytes) -> object:
    return int(raw[:-1] if raw.endswith(b"L") else raw)


def _unicode_line(data: bytes, pos: int) -> tuple[object, int]:
    raw, end = line(data, pos)
    try:
        return raw.decode("raw-unicode-escape"), end
    except UnicodeDecodeError as error:
        raise broken("a line of text holds a broken escape") from error


def _string_line(data: bytes, pos: int) -> tuple[object, int]:
    raw, end = line(data, pos)
    if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in (b"'", b'"') or b"\\" in raw:
        raise broken("a Python 2 string is not plainly quoted; write the file with Python 3")
    return _ascii(raw[1:-1]), end


#: Every opcode that is for one plain value.
SCALARS: dict[int, Decode] = {
    op.NONE: lambda data, pos: (None, pos + 1),
    op.NEWTRUE: lambda data, pos: (True, pos + 1),
    op.NEWFALSE: lambda data, pos: (False, pos + 1),
    op.BININT1: lambda data, pos: (data[pos + 1], pos + 2),
    op.BININT2: lambda data, pos: (data[pos + 1] | data[pos + 2] << 8, pos + 3),
    op.BININT: _int4,
    op.BINFLOAT: lambda data, pos: (_DOUBLE(data, pos + 1)[0], pos + 9),
    op.LONG1: _long,
    op.LONG4: _long,
    op.SHORT_BINUNICODE: _text,
    op.BINUNICODE: _text,
    op.BINUNICODE8: _text,
    op.SHORT_BINBYTES: _payload,
    op.BINBYTES: _payload,
    op.BINBYTES8: _payload,
    op.BYTEARRAY8: _bytearray,
    op.SHORT_BINSTRING: _old_string,
    op.BINSTRING: _old_string,
    op.INT: _number_line(_decimal_int),
    op.LONG: _number_line(_decimal_long),
    op.FLOAT: _number_line(float),
    op.UNICODE: _unicode_line,
    op.STRING: _string_line,
}
