"""Runs of array cells that are written alike: proved equal but for their payload, and passed over at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pc_worker.reader import opcodes as op
from pc_worker.reader.nodes import OFFSET, ONE, SHIFT, Special
from pc_worker.reader.scalars import counted
from pc_worker.reader.walker import Walker

#: Cells compared at a time.
_STEP = 256


@dataclass(frozen=True, slots=True)
class Mould:
    """How one array cell is written: opcodes before its payload, the payload's length, opcodes after it.

    Bytes that are equal mean the same as long as they only refer to memo entries that existed before the first
    cell: entries never change, and the cells' own entries would have other numbers.
    """

    head: bytes
    length: int
    tail: bytes

    @property
    def size(self) -> int:
        """Bytes of one cell."""
        return len(self.head) + self.length + len(self.tail)

    def count(self, data: bytes, pos: int, stop: int) -> int:
        """How many cells of this form stand one after another in ``data`` from ``pos``, before ``stop``."""
        room, found = (stop - pos) // self.size, 0
        while found < room:
            step = min(_STEP, room - found)
            same = self._same(data, pos + found * self.size, step)
            found += same
            if same < step:
                break
        return found

    def _same(self, data: bytes, pos: int, step: int) -> int:
        if not data.startswith(self.head, pos):
            return 0
        cells = np.frombuffer(data, np.uint8, step * self.size, pos).reshape(step, self.size)
        front, back = len(self.head), len(self.head) + self.length
        good = (cells[:, :front] == np.frombuffer(self.head, np.uint8)).all(axis=1)
        good &= (cells[:, back:] == np.frombuffer(self.tail, np.uint8)).all(axis=1)
        return step if bool(good.all()) else int(good.argmin())


def repeat(w: Walker, node: Special, payload: int, pos: int) -> int:
    """Pass over the cells after ``node`` that are written as it is; gives where the first other opcode stands."""
    start = (node.address & OFFSET) - w.base
    if start < 0 or (w.places.frames and w.places.frames[-1] >= w.base + start):
        return pos
    if w.buf[(payload & OFFSET) - w.base] not in op.COUNTED:
        return pos
    end = pos + 1 if node.index < 0 and w.buf[pos] == op.MEMOIZE else pos
    payload_at, length = counted(w.buf, (payload & OFFSET) - w.base)
    buf = w.buf
    mould = Mould(buf[start:payload_at], length, buf[payload_at + length : end])
    if end > pos:
        w.memo.open_node(w.count, node)
        w.count += 1
    limit = min(len(buf), w.size - w.base, w.frame_end - w.base if w.frame_end else len(buf))
    cells = mould.count(buf, end, limit)
    if cells:
        _add_cells(w, node, mould, cells)
    return end + cells * mould.size


def _add_cells(w: Walker, node: Special, mould: Mould, cells: int) -> None:
    first = node.address >> SHIFT
    w.memo.fill(w.count)
    w.memo.close_node(node)
    codes = bytes(w.memo.codes[first : w.count])
    w.memo.codes += codes * cells
    step = mould.size + len(codes) * ONE
    w.stack.extend(range(node.address + step, node.address + step * cells + 1, step))
    w.count += len(codes) * cells
    last = (node.address & OFFSET) + mould.size * (cells + 1)
    w.places.add_special(node.address & OFFSET, last)
