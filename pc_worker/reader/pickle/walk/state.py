"""What a walk holds at each opcode, the stack and the memo, and how it goes back to an earlier state."""

from __future__ import annotations

from dataclasses import dataclass

from pc_worker.reader.errors import broken, over_limit
from pc_worker.reader.files.source import Source
from pc_worker.reader.limits import Limits
from pc_worker.reader.pickle.walk.alike import run_addresses
from pc_worker.reader.pickle.walk.memo import Memo
from pc_worker.reader.pickle.walk.nodes import OFFSET, SHIFT, Entry, Items, Node, Run
from pc_worker.reader.pickle.walk.places import Places
from pc_worker.reader.pickle.walk.window import Window


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
    """A batch that was expected to join a long list is something else; the walker goes back and reads it again."""


class WalkState(Window):
    """A window of the file, the stack and the memo.

    Args:
        source: The file.
        limits: The budgets.
    """

    def __init__(self, source: Source, limits: Limits) -> None:
        super().__init__(source)
        self.limits = limits
        self.places = Places()
        self.lists: list[Items] = []
        self.replayed = 0

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
        self.lists = []

    def here(self, pos: int) -> int:
        """Return the address of the opcode at ``pos`` of the window."""
        return (self.count << SHIFT) + self.base + pos

    def push(self, entry: Entry) -> None:
        """Put ``entry`` on the stack.

        Raises:
            Rejected: If more values are held at once than the limits allow.
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
        return [*run_addresses(entry, self.bytes_at(start, entry.finish - start))]

    def offset_of(self, entry: Entry) -> int:
        """Return the byte offset of ``entry``."""
        return (entry.address if isinstance(entry, Node) else entry) & OFFSET

    def count_replay(self, length: int) -> None:
        """Count ``length`` bytes that are read although they were walked over before."""
        self.replayed += length
        if self.replayed > self.limits.replay * self.size + self.limits.replay_free_bytes:
            raise over_limit("values refer back to earlier ones too often")

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
        return self.refill(bulk.offset)
