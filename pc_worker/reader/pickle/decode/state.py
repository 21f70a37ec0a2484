"""What decoding a segment of a file holds at each opcode: the stack, the marks and the memo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pc_worker.reader.errors import broken

Resolve = Callable[[int], object]
#: Stands for memo entries that a run of arrays passed over.
LOST = object()


class EntryLost(Exception):
    """A value refers to an entry that was passed over; decode the segment again without that."""


class DecodeState:
    """The values of a segment that are made so far.

    Args:
        data: Whole opcodes, of items that are one after another in a list.
        memo_start: Number of memo entries made before ``data``.
        resolve: Returns the value of a memo entry made before ``data``.
        in_batch: Whether ``data`` starts after a MARK whose APPENDS is still to come.
    """

    def __init__(self, data: bytes, memo_start: int, resolve: Resolve, *, in_batch: bool) -> None:
        self.data, self.memo_start, self.resolve = data, memo_start, resolve
        self.items: list[Any] = []
        self.stack: list[Any] = [self.items]
        self.marks: list[int] = [1] if in_batch else []
        self.memo: list[Any] = []
        self.late: dict[int, int] = {}

    def entry(self, index: int) -> Any:
        """Return the value of memo entry ``index``.

        Raises:
            EntryLost: If it was passed over.
        """
        own = index - self.memo_start
        if own >= len(self.memo):
            raise broken("a value refers to one that comes later")
        value = self.memo[own] if own >= 0 else self.resolve(index)
        if value is LOST:
            raise EntryLost
        return value

    def replace_top(self, value: object) -> None:
        """Put ``value`` in the place of the top, also where the memo refers to it."""
        old = self.stack[-1]
        index = self.late.pop(id(old), None)
        if index is not None:
            self.memo[index] = value
        self.stack[-1] = value

    def since_mark(self) -> list[Any]:
        """Take what is above the newest mark off the stack."""
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values
