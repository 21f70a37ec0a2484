"""Walks once over a pickle, skipping by length, and notes where everything lies; executes nothing."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from pc_worker.reader.errors import Rejected, broken, over_limit
from pc_worker.reader.files.source import Source
from pc_worker.reader.limits import Limits
from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.decode.scalars import text
from pc_worker.reader.pickle.flat_lists import OPENING, Flat
from pc_worker.reader.pickle.walk.alike import AlikeRuns
from pc_worker.reader.pickle.walk.memo import SCALAR, SHORT
from pc_worker.reader.pickle.walk.nodes import ONE, SHIFT, Entry
from pc_worker.reader.pickle.walk.state import Mispredicted, WalkState
from pc_worker.reader.pickle.walk.window import SLACK

#: Bytes of the opcode FRAME with its length.
_FRAME = 9
#: Opcodes with which runs begin.
_RUNS = frozenset({op.SHORT_BINUNICODE, op.LONG_BINGET, op.BINGET, op.EMPTY_LIST})
_U32 = struct.Struct("<I").unpack_from

Action = Callable[["Walker", int], int]


class Walker(WalkState):
    """One walk: passes over plain scalars, and does an action for each other opcode.

    Args:
        source: The file.
        limits: The budgets.
        actions: What to do for each opcode that is no plain scalar.
    """

    def __init__(self, source: Source, limits: Limits, actions: list[Action]) -> None:
        super().__init__(source, limits)
        self._actions = actions
        self.acting = self.protocol = 0
        self.names: set[str] = set()
        self.begin(0)

    def begin(self, offset: int) -> None:
        """Start a new pickle at ``offset``: empty stack, empty memo, no forms."""
        super().begin(offset)
        self.result: Entry | None = None
        self.forms: list[Any] = []
        self.candidate: Any = None
        self._flat = Flat(self.memo, self.places.gets)
        self._alike_runs = AlikeRuns(self.memo, self.places.gets)

    def walk(self) -> Entry:
        """Walk to the next STOP and return what the pickle is.

        Raises:
            Rejected: With the offset, for anything that is not a sound, harmless pickle within the limits.
        """
        pos = self.refill(self.offset)
        while self.result is None:
            if pos < self.stop:
                pos = self._scan(pos, self.stop)
            if pos < self.stop:
                pos = self._act(pos)
            elif (inside := self._next_frame(pos)) >= 0:
                pos = inside
            else:
                pos = self._pass_boundary(self.base + pos)
        self.offset = self.base + pos
        return self.result

    def _act(self, pos: int) -> int:
        self.spent += 1
        if self.spent > self.limits.opcodes:
            raise over_limit("one segment of the file has too many opcodes", self.base + pos)
        self.acting = pos
        try:
            return self._actions[self.buf[pos]](self, pos)
        except Mispredicted:
            return self.rewind()
        except Rejected as error:
            if error.offset is None:
                raise Rejected(error.kind, error.reason, self.base + pos, error.column, error.row) from error
            raise
        except IndexError as error:
            raise broken("an opcode finds too few values on the stack", self.base + pos) from error

    def _pass_boundary(self, offset: int) -> int:
        """Go on at ``offset``, where the window or the frame ends; return the place in the new window."""
        if self.frame_end and offset >= self.frame_end:
            if offset > self.frame_end:
                raise broken("an opcode crosses the end of its frame", self.frame_end)
            self.frame_end = 0
        if offset >= self.size:
            raise broken("the file ends before the pickle does", self.size)
        if len(self.stack) > self.limits.stack:
            raise over_limit("too many values wait to be put together", offset)
        return self.refill(offset)

    def _next_frame(self, pos: int) -> int:
        """Enter the frame that begins at ``pos``, where the one before ends; return where its opcodes begin.

        Return -1, and change nothing, unless both are in the window; a file of long texts has many frames.
        """
        here, start = self.base + pos, pos + _FRAME
        self.spent += 1
        if self.spent > self.limits.opcodes:
            return -1
        if here != self.frame_end or start + SLACK >= len(self.buf) or self.buf[pos] != op.FRAME:
            return -1
        end = start + int.from_bytes(self.buf[pos + 1 : start], "little")
        if end > self.size - self.base or len(self.stack) > self.limits.stack:
            return -1
        self.places.frames.append(here)
        self.frame_end = self.base + end
        self.set_stop()
        return start

    def _scan(self, pos: int, stop: int) -> int:  # noqa: C901 - one loop, because a call for each opcode would double its time
        """Pass over plain scalars, nearly all of a file; return where another opcode is, or ``stop`` or more."""
        buf, push, fixed = self.buf, self.stack.append, op.FIXED
        kept = self.memo.kept if self.bulk is None else None
        here = (self.count << SHIFT) + self.base
        while pos < stop:
            code = buf[pos]
            if kept is None and code in _RUNS and (end := self._pass_run(pos, stop, here)) > pos:
                here, pos = (self.count << SHIFT) + self.base, end
                continue
            if code == op.SHORT_BINUNICODE:
                push(here + pos)
                end = pos + 2 + buf[pos + 1]
                if not (raw := buf[pos + 2 : end]).isascii():
                    self.check_text(raw, pos)
            elif fixed[code]:
                push(here + pos)
                pos += fixed[code]
                continue
            elif code == op.BINGET or code == op.LONG_BINGET:
                if not self._pass_reference(pos, code):
                    break
                push(here + pos)
                pos += 2 if code == op.BINGET else 5
                continue
            elif code == op.BINUNICODE:
                end = self._pass_texts(pos, stop, here)
                if end == pos:
                    break
                here, pos = (self.count << SHIFT) + self.base, end
                continue
            else:
                break
            if buf[end] == op.MEMOIZE:
                if kept is not None:
                    kept[here >> SHIFT] = here + pos
                here += ONE
                end += 1
            pos = end
        self.count = here >> SHIFT
        return pos

    def _pass_texts(self, pos: int, stop: int, here: int) -> int:
        """Pass over the long texts one after another from ``pos`` that end in the window; return where they end."""
        buf, push, codes, most = self.buf, self.stack.append, self.memo.codes, len(self.buf)
        kept = self.memo.kept if self.bulk is None else None
        while pos < stop and buf[pos] == op.BINUNICODE:
            end = pos + 5 + _U32(buf, pos + 1)[0]
            if end >= most:
                break
            if not (raw := buf[pos + 5 : end]).isascii():
                self.check_text(raw, pos)
            push(here + pos)
            if buf[end] == op.MEMOIZE:
                index = here >> SHIFT
                if end - pos <= 1 << SHORT:
                    pass
                elif index == len(codes):
                    codes.append((end - pos).bit_length())
                else:
                    self.memo.note(index, (end - pos).bit_length())
                if kept is not None:
                    kept[index] = here + pos
                here += ONE
                end += 1
            pos = end
        self.count = here >> SHIFT
        return pos

    def _pass_reference(self, pos: int, code: int) -> bool:
        """Note the reference at ``pos``; False if it is not to a plain scalar that is known already."""
        index = self.buf[pos + 1] if code == op.BINGET else _U32(self.buf, pos + 1)[0]
        codes = self.memo.codes
        if index >= len(codes) or codes[index] > SCALAR:
            return False
        if index in self.memo.kept:
            self.memo.roots.add(index)
        self.places.gets.append(self.base + pos)
        self.referred += 1 << codes[index]
        return True

    def _pass_run(self, pos: int, stop: int, here: int) -> int:
        """Pass over the alike items, or the flat list, that begin at ``pos``; return where they end, or -1."""
        self.count = here >> SHIFT
        runs = self._alike_runs.runs(self.buf, pos, self.limit, here)
        if runs:
            self.stack += runs
            self.referred += self._alike_runs.referred
            self.count += sum(run.memos for run in runs)
            return runs[-1].finish - self.base
        if not self.buf.startswith(OPENING, pos):
            return -1
        end = self._flat.skip(self.buf, pos, stop, self.base, self.count)
        if end > 0:
            self.push(here + pos)
            self.referred += self._flat.referred
            self.count = self._flat.count
        return end

    def check_text(self, raw: bytes, pos: int) -> None:
        """Check that ``raw``, whose opcode is at ``pos`` of the window, is text."""
        try:
            text(raw)
        except Rejected as error:
            raise broken(error.reason, self.base + pos) from error
