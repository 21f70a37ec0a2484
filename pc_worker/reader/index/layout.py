"""What the index of a file holds: its skeleton, where its lists and memo entries lie, and nothing of its cells."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any

from pc_worker.reader.pickle.described import Foreign
from pc_worker.reader.pickle.forms import Form


def longs() -> array[int]:
    """Return an empty array of unsigned 64-bit integers."""
    return array("Q")


#: The part of a list whose items are separate pickles.
OF_PICKLES = -1


@dataclass(slots=True)
class Listing:
    """Where the items of one list lie.

    Attributes:
        count: Number of items.
        end: Byte offset after the last item.
        left_open: Whether the items before ``end`` are in a batch that is not closed there.
        memo_end: Memo entries made before ``end``.
        firsts: Number of each marked item, the first 0; about every 25th is marked.
        offsets: Byte offset of each of them.
        memos: Memo entries made before each of them.
        batched: For each of them, 1 if it is in a batch.
        keys: Keys of the dicts among the items, in order of first appearance.
        dicts: Number of items at its start that are dicts.
        part: Number of the pickle in the file, or ``OF_PICKLES``.
        foreign: The first item that is no cell; the list is then no column.
    """

    count: int
    end: int
    left_open: bool
    memo_end: int
    firsts: array[int]
    offsets: array[int]
    memos: array[int]
    batched: bytes
    keys: tuple[Any, ...] = ()
    dicts: int = 0
    part: int = 0
    foreign: Foreign | None = None

    def __len__(self) -> int:
        return self.count


@dataclass(slots=True)
class PickleLayout:
    """One pickle of the file.

    Attributes:
        tree: What it is: parts, tuples, dicts, scalars, and a Listing for each list.
        roots: Four numbers for each memo entry outside lists that cells refer to: entry, byte offset, memo
            entries made before it, end.
        lists: The lists whose items may hold memo entries, in file order.
        forms: How array cells of references are written.
    """

    tree: Any
    roots: array[int] = field(default_factory=longs)
    lists: list[Listing] = field(default_factory=list)
    forms: tuple[Form, ...] = ()


@dataclass(slots=True)
class Layout:
    """The whole index.

    Attributes:
        parts: The pickles of the file. Dicts that are rows are no parts, but each run of them between tables is one;
            the tree of a part without content is None.
        rows: The dicts as one list, if the file is a stream of rows and nothing else.
        frames, gets, specials: See ``places.Places``.
        protocol: The highest pickle protocol in the file.
        names: The allow-listed names that the file mentions, ``module.name``.
    """

    parts: list[PickleLayout]
    rows: Listing | None
    frames: array[int]
    gets: array[int]
    specials: array[int]
    protocol: int
    names: tuple[str, ...] = ()
