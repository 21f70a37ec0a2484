"""Runs of array cells that are written alike: proved equal but for their payload, and passed over at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.decode.scalars import counted
from pc_worker.reader.pickle.walk.nodes import OFFSET, ONE, SHIFT, Special
from pc_worker.reader.pickle.walk.walker import Walker

#: Lengths of the other opcodes with arguments that a cell may hold.
_LENGTHS = {op.BINGET: 2, op.LONG_BINGET: 5, op.BINPUT: 2, op.LONG_BINPUT: 5}
#: Cells compared at a time.
_STEP = 256


@dataclass(frozen=True, slots=True)
class CellTemplate:
    """How one array cell is written: opcodes before its payload, the payload's length, opcodes after it.

    Bytes that are equal mean the same as long as they only refer to memo entries that existed before the first
    cell: entries never change, and the cells' own entries would have other numbers.
    """

    head: bytes
    length: int
    tail: bytes

    def may_be_cut(self, at: int) -> bool:
        """Return whether a frame may end after ``at`` bytes of a cell: between two opcodes."""
        return at in _boundaries(self.head, self.length) or at - len(self.head) - self.length in _starts(self.tail)

    def fits(self, cell: bytes) -> bool:
        """Return whether ``cell`` is a cell of this form."""
        return len(cell) == self.size and cell.startswith(self.head) and cell.endswith(self.tail)

    @property
    def size(self) -> int:
        """Bytes of one cell."""
        return len(self.head) + self.length + len(self.tail)

    def count(self, data: bytes, pos: int, stop: int) -> int:
        """Return how many cells of this form are one after another in ``data`` from ``pos``, before ``stop``."""
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
    """Pass over the cells after ``node`` that are written as it is; return where the first other opcode is."""
    start = (node.address & OFFSET) - w.base
    if start < 0 or (w.places.frames and w.places.frames[-1] >= w.base + start):
        return pos
    if w.buf[(payload & OFFSET) - w.base] not in op.COUNTED:
        return pos
    end = pos + 1 if node.index < 0 and w.buf[pos] == op.MEMOIZE else pos
    payload_at, length = counted(w.buf, (payload & OFFSET) - w.base)
    buf = w.buf
    template = CellTemplate(buf[start:payload_at], length, buf[payload_at + length : end])
    if end > pos:
        w.memo.open_node(w.count, node)
        w.count += 1
    node.made = w.count - (node.address >> SHIFT)
    while True:
        limit = min(len(buf), w.size - w.base, w.frame_end - w.base if w.frame_end else len(buf))
        cells = template.count(buf, end, limit)
        if cells:
            node_at = w.here(end)
            _add_cells(w, node, node_at, template, cells)
            end += cells * template.size
        after = _across_frames(w, node, template, end)
        if after < 0:
            return end
        end = after


def _across_frames(w: Walker, node: Special, template: CellTemplate, pos: int) -> int:
    """Pass over the one cell that the end of a frame cuts, if it is of the template's form; -1 if it is not."""
    split = w.frame_end - w.base - pos
    rest = template.size - split
    next_frame = pos + split
    if not w.frame_end or not 0 <= split < template.size or next_frame + 9 + rest > w.limit_of_window():
        return -1
    length = int.from_bytes(w.buf[next_frame + 1 : next_frame + 9], "little")
    start = w.base + next_frame + 9
    cell = w.buf[pos:next_frame] + w.buf[next_frame + 9 : next_frame + 9 + rest]
    if w.buf[next_frame] != op.FRAME or not rest <= length <= w.size - start or not template.fits(cell):
        return -1
    if not template.may_be_cut(split):
        return -1
    address = w.here(pos)
    w.places.frames.append(w.base + next_frame)
    w.frame_end = start + length
    w.set_stop()
    _add_cells(w, node, address, template, 1)
    w.places.specials[-1] = start + rest
    return next_frame + 9 + rest


@lru_cache(maxsize=64)
def _starts(opcodes: bytes) -> frozenset[int]:
    """Return where opcodes begin in ``opcodes``, which hold no name and no line of text; its end counts too."""
    found, pos = {0}, 0
    while pos < len(opcodes):
        code = opcodes[pos]
        if code in op.COUNTED:
            start, length = counted(opcodes, pos)
            pos = start + length
        else:
            pos += op.FIXED[code] or _LENGTHS.get(code, 1)
        found.add(pos)
    return frozenset(found)


@lru_cache(maxsize=64)
def _boundaries(head: bytes, length: int) -> frozenset[int]:
    """Return where opcodes begin in a cell's head, which ends with the opcode of the payload of ``length`` bytes."""
    return frozenset(place for place in _starts(head) if place < len(head)) | {len(head) + length}


def _add_cells(w: Walker, node: Special, address: int, template: CellTemplate, cells: int) -> None:
    """Put ``cells`` cells like ``node``, the first at ``address``, on the stack."""
    w.memo.fill(w.count)
    w.memo.close_node(node)
    first = node.address >> SHIFT
    codes = bytes(w.memo.codes[first : first + node.made])
    w.memo.codes += codes * cells
    step = template.size + node.made * ONE
    w.stack.extend(range(address, address + step * (cells - 1) + 1, step))
    w.count += node.made * cells
    w.places.add_special(address & OFFSET, (address & OFFSET) + template.size * cells)
