"""What is on the indexer's stack: an address for a plain scalar, a node for anything else.

An address is one integer: the byte offset of the value's first opcode, plus the number of memo entries made
before it shifted left by ``SHIFT``. With both, a decoder can start there.
"""

from __future__ import annotations

from array import array
from typing import Any, TypeAlias

from pc_worker.reader.pickle.described import Foreign

SHIFT = 48
ONE = 1 << SHIFT
OFFSET = ONE - 1
#: Items between two marks of a list, or a few more: a chunk starts to decode at most this many items early.
STRIDE = 25


class Node:
    """A value that is not a plain scalar.

    Attributes:
        address: Where its first opcode is.
        index: Its memo entry, or -1.
        shared: Whether the memo handed it out, after which nothing may change it.
        depth: Containers inside one another, at most.
        weight: Bytes of its opcodes, with everything it refers to counted each time.
        finish: Byte offset after its last opcode, once something took it.
        plain: Whether it may be a cell: holds only values that the normal form names.
    """

    __slots__ = ("address", "depth", "finish", "index", "plain", "shared", "weight")

    def __init__(self, address: int, *, plain: bool = True, depth: int = 0, weight: int = 0) -> None:
        self.address, self.plain, self.depth, self.weight = address, plain, depth, weight
        self.index, self.shared, self.finish = -1, False, 0


Entry: TypeAlias = int | Node


class Run(Node):
    """Several plain items one after another on the stack, in one entry.

    Attributes:
        count: Number of items.
        memos: Memo entries they made.
    """

    __slots__ = ("count", "memos")

    def __init__(self, address: int, count: int, finish: int, memos: int) -> None:
        super().__init__(address)
        self.count, self.finish, self.memos = count, finish, memos


class Special(Node):
    """A value that took more than one opcode: a name, a call's result, an array.

    Attributes:
        made: Memo entries that its own opcodes made, once they were counted them.
    """

    __slots__ = ("made", "value")

    def __init__(self, address: int, value: Any, *, plain: bool, weight: int) -> None:
        super().__init__(address, plain=plain, depth=1, weight=weight)
        self.value, self.made = value, 0


class Ref(Node):
    """What the memo handed out, when it is not a plain scalar.

    Attributes:
        target: The memo entry.
        node: What it is, if the walker still has it.
    """

    __slots__ = ("node", "target")

    def __init__(self, address: int, target: int, node: Node | None, *, plain: bool, depth: int, weight: int) -> None:
        super().__init__(address, plain=plain, depth=depth, weight=weight)
        self.target, self.node = target, node


class Group(Node):
    """A tuple."""

    __slots__ = ("entries",)

    def __init__(self, address: int, entries: list[Entry]) -> None:
        super().__init__(address)
        self.entries = entries


class DictNode(Node):
    """A dict.

    Attributes:
        entries: key, value, key, value, …
        keys: The keys themselves.
    """

    __slots__ = ("entries", "keys", "referred")

    def __init__(self, address: int, referred: int) -> None:
        super().__init__(address, depth=1)
        self.entries: list[Entry] = []
        self.keys: list[Any] = []
        self.referred = referred


class Bag(Node):
    """A set; its items are plain scalars."""

    __slots__ = ("count", "frozen", "referred")

    def __init__(self, address: int, referred: int) -> None:
        super().__init__(address, depth=1)
        self.count, self.referred, self.frozen = 0, referred, False


class Items(Node):
    """A list, of any length: its first entries, and marks here and there so that slices can be read.

    Attributes:
        count: Number of items.
        entries: The items, while there are at most ``STRIDE`` of them or one is not plain; else None.
        firsts: Number of each marked item.
        offsets: Byte offset of each marked item.
        memos: Memo entries made before each marked item.
        batched: For each mark, 1 if the item is in a batch (after MARK), 0 if APPEND follows it.
        end: Address after the last opcode of the list.
        left_open: Whether the items before ``end`` are in a batch that is not closed there.
        kept_from: First memo entry whose value the memo may still keep.
        foreign: The first item that is no cell, once the entries are gone.
        nodes: Nodes that the walker held when the list began: this many are left once its items are passed over.
        keys: Keys of the items that are dicts, as text, in order of first appearance.
        dicts: Number of items at its start that are dicts.
    """

    __slots__ = (
        "batched",
        "count",
        "dicts",
        "end",
        "entries",
        "firsts",
        "foreign",
        "kept_from",
        "keys",
        "left_open",
        "memos",
        "nodes",
        "offsets",
        "referred",
    )

    def __init__(self, address: int, referred: int) -> None:
        super().__init__(address, depth=1)
        self.referred = referred
        self.count = self.dicts = 0
        self.entries: list[Entry] | None = []
        self.firsts, self.offsets, self.memos = array("Q"), array("Q"), array("Q")
        self.batched = bytearray()
        self.end, self.kept_from = address, address >> SHIFT
        self.left_open = False
        self.nodes = 0
        self.foreign: Foreign | None = None
        self.keys: dict[Any, None] = {}

    def __len__(self) -> int:
        return self.count

    @property
    def sealed(self) -> bool:
        """Whether the entries are gone and only the marks know the items."""
        return self.entries is None

    def add(self, entries: list[Entry], *, batched: bool) -> None:
        """Append ``entries``, and mark an item wherever the last mark is ``STRIDE`` items back."""
        count = self.count
        # Past two million items the marks grow sparser, so that they never fill the memory.
        stride = max(STRIDE, count >> 16)
        due = self.firsts[-1] + stride if self.firsts else 0
        for entry in entries:
            if count >= due:
                address = entry if type(entry) is int else entry.address  # type: ignore[union-attr]  # int or Node
                self.firsts.append(count)
                self.offsets.append(address & OFFSET)
                self.memos.append(address >> SHIFT)
                self.batched.append(batched)
                due = count + stride
            count += entry.count if type(entry) is Run else 1
        self.count = count


def address_of(entry: Entry) -> int:
    """Return where ``entry`` is."""
    return entry if isinstance(entry, int) else entry.address
