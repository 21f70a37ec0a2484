"""Passes over list cells that hold only short scalars, the commonest cell that is no scalar itself."""

from __future__ import annotations

import struct
from array import array

from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.walk.memo import CONTAINER, SCALAR, Memo

#: EMPTY_LIST, MEMOIZE, MARK: how a writer begins a list of two or more items.
OPENING = bytes([op.EMPTY_LIST, op.MEMOIZE, op.MARK])
_U32 = struct.Struct("<I").unpack_from


class Flat:
    """Passes over flat lists, one after another, without putting their items on the stack.

    Args:
        memo: The walker's memo.
        gets: Where to note references to the memo.
    """

    def __init__(self, memo: Memo, gets: array[int]) -> None:
        self._memo, self._gets = memo, gets
        self.referred = 0
        self.count = 0

    def skip(self, buf: bytes, pos: int, stop: int, base: int, count: int) -> int:
        """Pass over the list at ``pos``; return where it ends, or -1 if it is not flat or not wholly before ``stop``.

        ``count`` entries were made before it; afterwards ``self.count`` were, and the list refers to
        ``self.referred`` bytes elsewhere. Nothing is changed when it returns -1.
        """
        codes, fixed, known = self._memo.codes, op.FIXED, len(self._memo.codes)
        kept, roots = self._memo.kept, self._memo.roots
        at, made, referred = pos + 3, count + 1, 0
        places: list[int] = []
        while at < stop:
            code = buf[at]
            if code == op.LONG_BINGET or code == op.BINGET:
                index = _U32(buf, at + 1)[0] if code == op.LONG_BINGET else buf[at + 1]
                if index >= known or (weight := codes[index]) > SCALAR:
                    return -1
                if index in kept:
                    roots.add(index)
                referred += 1 << weight
                places.append(base + at)
                at += 5 if code == op.LONG_BINGET else 2
            elif code == op.SHORT_BINUNICODE:
                end = at + 2 + buf[at + 1]
                if not buf[at + 2 : end].isascii():
                    return -1
                if buf[end] == op.MEMOIZE:
                    made += 1
                    end += 1
                at = end
            elif fixed[code]:
                at += fixed[code]
            elif code == op.APPENDS:
                self._memo.note(count, CONTAINER + (at + 1 - pos + referred).bit_length())
                self._gets.extend(places)
                self.referred, self.count = referred, made
                return at + 1
            else:
                return -1
        return -1


def length_of(data: bytes) -> int:
    """Return how many of ``data``'s bytes the flat list at its start takes; -1 if it does not end within them."""
    at = len(OPENING)
    while at < len(data):
        code = data[at]
        if code == op.APPENDS:
            return at + 1
        if code in (op.LONG_BINGET, op.BINGET):
            at += 5 if code == op.LONG_BINGET else 2
        elif code == op.SHORT_BINUNICODE:
            at += 2 + (data[at + 1] if at + 1 < len(data) else 0)
        else:
            at += op.FIXED[code] or 1
    return -1
