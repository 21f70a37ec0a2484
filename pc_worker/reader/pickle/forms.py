"""How array cells of references are written: the form that the walk learns and that reading uses again."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pc_worker.reader.pickle import opcodes as op

#: Two or more references in a batch, or one, or none.
REFERENCES = rb"((?:\((?:j.{4}|h.){2,}+e|(?:j.{4}|h.)a)?)"
#: Most forms of one file.
MOST_FORMS = 16


@dataclass(frozen=True, slots=True)
class Form:
    """How an array cell of references is written: ``head``, the opcode of its length, ``middle``, items, ``tail``.

    Attributes:
        made: Memo entries of one cell.
        own: Which of them is the array.
    """

    head: bytes
    middle: bytes
    tail: bytes
    made: int
    own: int


@lru_cache(maxsize=MOST_FORMS)
def pattern(form: Form) -> re.Pattern[bytes]:
    """One cell of ``form``, with its length and items as groups."""
    around = [re.escape(part) for part in (form.head, form.middle, form.tail)]
    return re.compile(around[0] + rb"K(.)" + around[1] + REFERENCES + around[2], re.DOTALL)


def references_in(data: bytes, cell: re.Match[bytes]) -> Sequence[int]:
    """The memo entries that the items of a ``cell`` in ``data`` refer to."""
    (start, end), count = cell.span(2), cell[1][0]
    at, stop = (start + 1, end - 1) if count > 1 else (start, end - count)
    # The first is long, so the second stands where we look, and so on: all are.
    if stop - at == _LONG * count and data[at:stop:_LONG] == _ALL_LONG[:count]:
        return _long_references(count).unpack_from(data, at)
    found, at = [], start + 1 if end > start and data[start] == op.MARK else start
    while at < end and data[at] in (op.LONG_BINGET, op.BINGET):
        width = 4 if data[at] == op.LONG_BINGET else 1
        found.append(int.from_bytes(data[at + 1 : at + 1 + width], "little"))
        at += 1 + width
    return found


@lru_cache(maxsize=256)
def _long_references(count: int) -> struct.Struct:
    return struct.Struct("<" + "xI" * count)


#: Bytes of a long reference; the opcodes of as many as a cell may have.
_LONG = 5
_ALL_LONG = bytes([op.LONG_BINGET]) * 255
