"""Walks once over a pickle, skipping by length, and notes where everything lies; executes nothing."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pc_worker.reader.errors import Refused, broken, over_limit
from pc_worker.reader.limits import Limits
from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.decode.scalars import text
from pc_worker.reader.pickle.flat_lists import OPENING, Flat
from pc_worker.reader.pickle.walk.alike import Stretches, expanded
from pc_worker.reader.pickle.walk.memo import SCALAR, SHORT, Memo
from pc_worker.reader.pickle.walk.nodes import OFFSET, ONE, SHIFT, Entry, Items, Node, Run
from pc_worker.reader.source import Source

#: Bytes read at a time. Small enough to stay in the processor's cache, large enough to make the calls rare.
WINDOW = 1 << 20
#: Every opcode with a short argument that begins before the window's last bytes lies wholly in it.
_SLACK = 320
#: Bytes of the opcode FRAME with its length.
_FRAME = 9
#: Opcodes with which runs begin.
_RUNS = frozenset({op.SHORT_BINUNICODE, op.LONG_BINGET, op.BINGET, op.EMPTY_LIST})
_U32 = struct.Struct("<I").unpack_from

Action = Callable[["Walker", int], int]


@dataclass(slots=True)
class Places:
    """Where things lie that slices need to know of: byte offsets, each list ascending.

    Attributes:
        frames: FRAME opcodes.
        gets: Opcodes that refer to the memo.
        specials: Pairs (first, last) around the opcodes that make names, calls or states.
    """

    frames: array[int] = field(default_factory=lambda: array("Q"))
    gets: array[int] = field(default_factory=lambda: array("Q"))
    specials: array[int] = field(default_factory=lambda: array("Q"))

    def add_special(self, first: int, last: int) -> None:
        """Note a segment after all others; one that begins near the end of the last is joined to it."""
        places = self.specials
        if places and first <= places[-1] + _NEAR:
            places[-1] = last
        else:
            places.extend((first, last))

    def cut(self, offset: int) -> None:
        """Forget what lies at ``offset`` or later."""
        for places in (self.frames, self.gets):
            while places and places[-1] >= offset:
                places.pop()
        while self.specials and self.specials[-2] >= offset:
            del self.specials[-2:]


_NEAR = 256


@dataclass(frozen=True, slots=True)
class Bulk:
    """The state before a batch whose items are expected to join a long list, to go back to if they do not."""

    offset: int
    count: int
    marks: int
    height: int
    referred: int
    frame_end: int
    nodes: int


class Mispredicted(Exception):
    """A batch that was expected to join a long list is something else; the walker goes back and looks again."""


class Walker:
    """The state of one walk: a window of the file, the stack, the memo.

    Args:
        source: The file.
        limits: The budgets.
        actions: What to do for each opcode that is no plain scalar.
    """

    def __init__(self, source: Source, limits: Limits, actions: list[Action]) -> None:
        self.source, self.limits, self._actions = source, limits, actions
        self.size = source.size
        self.base, self.buf, self.acting, self.stop, self.limit = 0, b"", 0, 0, 0
        self.places = Places()
        self.lists: list[Items] = []
        self.protocol = self.replayed = 0
        self.frame_end = 0
        self.names: set[str] = set()
        self.forms: list[Any] = []
        self.candidate: Any = None
        self.begin(0)

    def begin(self, offset: int) -> None:
        """Start a new pickle at ``offset``: empty stack, empty memo."""
        self.offset = offset
        self.stack: list[Entry] = []
        self.marks: list[int] = []
        self.mark_info: list[tuple[int, int]] = []
        self.memo = Memo(self.limits.memo)
        self.count = self.referred = self.spent = self.nodes = 0
        self.frame_end = 0
        self.bulk: Bulk | None = None
        self.mispredicted: set[int] = set()
        self.result: Entry | None = None
        self.lists = []
        self.forms, self.candidate = [], None
        self._flat = Flat(self.memo, self.places.gets)
        self._stretches = Stretches(self.memo, self.places.gets)

    def walk(self) -> Entry:
        """Walk to the next STOP and return what the pickle is.

        Raises:
            Refused: With the offset, for anything that is not a sound, harmless pickle within the limits.
        """
        pos = self._refill(self.offset)
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
        except Refused as error:
            if error.offset is None:
                raise Refused(error.kind, error.reason, self.base + pos, error.column, error.row) from error
            raise
        except IndexError as error:
            raise broken("an opcode finds too few values on the stack", self.base + pos) from error

    def set_stop(self) -> None:
        """Work out up to where opcodes may begin before the window or the frame ends."""
        length, rest = len(self.buf), self.size - self.base
        stop = rest if length >= rest + _SLACK else length - _SLACK
        limit = min(length, rest)
        if self.frame_end:
            inside = self.frame_end - self.base
            stop, limit = min(stop, inside), min(limit, inside)
        self.stop, self.limit = stop, limit

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
        return self._refill(offset)

    def _next_frame(self, pos: int) -> int:
        """Enter the frame that begins at ``pos``, where the one before ends; return where its opcodes begin.

        Return -1, and change nothing, unless both lie in the window; frames are many in a file of long texts.
        """
        here, start = self.base + pos, pos + _FRAME
        self.spent += 1
        if self.spent > self.limits.opcodes:
            return -1
        if here != self.frame_end or start + _SLACK >= len(self.buf) or self.buf[pos] != op.FRAME:
            return -1
        end = start + int.from_bytes(self.buf[pos + 1 : start], "little")
        if end > self.size - self.base or len(self.stack) > self.limits.stack:
            return -1
        self.places.frames.append(here)
        self.frame_end = self.base + end
        self.set_stop()
        return start

    def _refill(self, offset: int) -> int:
        if self.base <= offset and offset + _SLACK < self.base + len(self.buf):
            self.set_stop()
            return offset - self.base
        length = min(WINDOW, self.size - offset)
        data = self.source.read(offset, max(length, 0))
        if offset + len(data) >= self.size:
            # Zeros are no opcode: what reads past the end is found out at the next step.
            data += bytes(_SLACK)
        self.base, self.buf = offset, data
        self.set_stop()
        return 0

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
        runs = self._stretches.runs(self.buf, pos, self.limit, here)
        if runs:
            self.stack += runs
            self.referred += self._stretches.referred
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

    def count_replay(self, length: int) -> None:
        """Count ``length`` bytes that are read although they were walked over before."""
        self.replayed += length
        if self.replayed > self.limits.replay * self.size + self.limits.replay_free_bytes:
            raise over_limit("values refer back to earlier ones too often")

    def check_text(self, raw: bytes, pos: int) -> None:
        """Check that ``raw``, whose opcode is at ``pos`` of the window, is text."""
        try:
            text(raw)
        except Refused as error:
            raise broken(error.reason, self.base + pos) from error

    def here(self, pos: int) -> int:
        """Return the address of the opcode at ``pos`` of the window."""
        return (self.count << SHIFT) + self.base + pos

    def limit_of_window(self) -> int:
        """Return where the bytes of the file end in the window."""
        return min(len(self.buf), self.size - self.base)

    def push(self, entry: Entry) -> None:
        """Put ``entry`` on the stack.

        Raises:
            Refused: If more values are held at once than the limits allow.
        """
        self.stack.append(entry)
        if type(entry) is not int:
            self.nodes += 1
            if self.nodes > self.limits.nodes:
                raise over_limit(f"cells that belong together are made of more than {self.limits.nodes} parts")

    def pop(self) -> Entry:
        """Take the top off the stack, but nothing from below the newest MARK."""
        self.top()
        return self.stack.pop()

    def top(self) -> Entry:
        """Return the top of the stack, which must be above the newest MARK."""
        if not self.stack or (self.marks and len(self.stack) <= self.marks[-1]):
            raise broken("an opcode reaches below a MARK")
        if type(self.stack[-1]) is Run:
            self.stack += self.expand(self.stack.pop())
        return self.stack[-1]

    def expand(self, entry: Entry) -> list[Entry]:
        """Return ``entry``, or the items it is for if it is a run."""
        if not isinstance(entry, Run):
            return [entry]
        start = entry.address & OFFSET
        return [*expanded(entry, self.bytes_at(start, entry.finish - start))]

    def bytes_at(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes at ``offset`` of the file, from the window where possible."""
        start = offset - self.base
        if start >= 0 and start + length <= len(self.buf):
            return self.buf[start : start + length]
        return self.source.read(offset, min(length, self.size - offset))

    def offset_of(self, entry: Entry) -> int:
        """Return the byte offset of ``entry``."""
        return (entry.address if isinstance(entry, Node) else entry) & OFFSET

    def rewind(self) -> int:
        """Go back to before the batch that did not join its list, and never expect that there again."""
        bulk = self.bulk
        if bulk is None or len(self.mispredicted) > 1000:
            raise over_limit("the file's structure misleads the reader too often")
        self.mispredicted.add(bulk.offset)
        self.bulk, self.count, self.referred, self.frame_end = None, bulk.count, bulk.referred, bulk.frame_end
        self.nodes = bulk.nodes
        del self.stack[bulk.height :], self.marks[bulk.marks :], self.mark_info[bulk.marks :]
        del self.memo.codes[bulk.count :]
        for index in [index for index in self.memo.open if index >= bulk.count]:
            del self.memo.open[index]
        self.places.cut(bulk.offset)
        return self._refill(bulk.offset)
