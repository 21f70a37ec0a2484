"""Decodes the items of a segment of a file that the indexer has proved sound, as values; executes nothing."""

from __future__ import annotations

from typing import Any

from pc_worker.reader.pickle.decode.actions import ACTIONS
from pc_worker.reader.pickle.decode.scalars import SCALARS
from pc_worker.reader.pickle.decode.state import DecodeState

_SCALARS = [SCALARS.get(code) for code in range(256)]


class Decoder(DecodeState):
    """Turns the opcodes of a segment into a list of items."""

    def copy(self) -> Decoder:
        """Return another decoder of the same segment, at its start."""
        return Decoder(self.data, self.memo_start, self.resolve, in_batch=bool(self.marks))

    def run(self) -> list[Any]:
        """Return the items."""
        data, push, pos, end = self.data, self.stack.append, 0, len(self.data)
        while pos < end:
            decode = _SCALARS[data[pos]]
            if decode is None:
                pos = ACTIONS[data[pos]](self, pos)
            else:
                value, pos = decode(data, pos)
                push(value)
        return self.finish()

    def step(self, pos: int) -> int:
        """Do the opcode at ``pos``; return where the next one is."""
        decode = _SCALARS[self.data[pos]]
        if decode is None:
            return ACTIONS[self.data[pos]](self, pos)
        value, pos = decode(self.data, pos)
        self.stack.append(value)
        return pos

    def finish(self) -> list[Any]:
        """Return the items, once every opcode is done."""
        self.items.extend(self.stack[1:])
        del self.stack[1:]
        return self.items
