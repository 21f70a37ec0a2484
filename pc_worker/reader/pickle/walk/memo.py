"""The indexer's memo: a byte for each entry, values for the few that the skeleton needs."""

from __future__ import annotations

from typing import Any

from pc_worker.reader.errors import broken, over_limit
from pc_worker.reader.pickle.walk.nodes import Entry, Node

#: Codes up to here are plain scalars of up to ``2**code`` bytes.
SCALAR = 63
#: Codes from here to ``CONTAINER + 63`` are plain containers of up to ``2**(code - CONTAINER)`` bytes.
CONTAINER = 64
#: Not finished yet; see ``open``.
OPEN = 254
#: Not a value that a cell may hold: a name, a type, the arguments of a call.
SPECIAL = 255
#: Short texts and numbers: up to 2**8 bytes.
SHORT = 8
_SHORT_BYTES = 1 << SHORT
_DEEP = 3
#: Values that were found again and are kept at hand: some of any size, and as many keys as wide rows may have.
_RECENT, _RECENT_TEXTS = 512, 32_768
_FILL = bytes([SHORT]) * 4096


class Memo:
    """What the file memoized so far.

    Attributes:
        codes: One code for each entry; entries at the end that were not asked for yet may be missing.
        kept: Values of the entries made outside long lists.
        open: Containers that are still being filled.
        roots: Entries of ``kept`` that cells refer to.
        recent: Values that were found again in the file, the newest few.
        texts: The same for texts, of which keys are made.
    """

    def __init__(self, max_entries: int) -> None:
        self.codes = bytearray()
        self.kept: dict[int, Entry] = {}
        self.open: dict[int, Node] = {}
        self.roots: set[int] = set()
        self.recent: dict[int, tuple[Any]] = {}
        self.texts: dict[int, tuple[str]] = {}
        self._deep: dict[int, int] = {}
        self._max_entries = max_entries

    def fill(self, count: int) -> None:
        """Set the code of every entry below ``count``: those without one are short scalars."""
        missing = count - len(self.codes)
        if count > self._max_entries:
            raise over_limit(f"the file memoizes more than {self._max_entries} values")
        while missing > 0:
            self.codes += _FILL[:missing]
            missing -= len(_FILL)

    def note(self, index: int, code: int) -> None:
        """Set the code of entry ``index``, which is the newest or an earlier one."""
        missing = index - len(self.codes)
        if missing < 0:
            self.codes[index] = code
            return
        if missing > 0:
            self.fill(index)
        self.codes.append(code)

    def note_scalar(self, index: int, length: int) -> None:
        """Record that entry ``index`` is a scalar of ``length`` bytes."""
        self.note(index, length.bit_length() if length > _SHORT_BYTES else SHORT)

    def open_node(self, index: int, node: Node) -> None:
        """Record that entry ``index`` is ``node``, whose content may still come."""
        self.note(index, OPEN)
        node.index = index
        self.open[index] = node

    def close_node(self, node: Node) -> None:
        """Record that ``node`` became part of another value and will not change any more."""
        index = node.index
        if index < 0 or self.open.pop(index, None) is None:
            return
        self.codes[index] = CONTAINER + min(63, node.weight.bit_length()) if node.plain else SPECIAL
        if node.depth > _DEEP:
            self._deep[index] = node.depth

    def depth(self, index: int) -> int:
        """Return the depth of nested containers in the container ``index``, at most."""
        return self._deep.get(index, _DEEP)

    def check(self, index: int, count: int) -> int:
        """Return the code of entry ``index`` when ``count`` entries exist.

        Raises:
            Rejected: If it does not exist yet.
        """
        if index >= count:
            raise broken("a value refers to one that comes later")
        if index >= len(self.codes):
            self.fill(count)
        return self.codes[index]

    def remember(self, index: int, value: Any) -> None:
        """Keep ``value`` of entry ``index`` at hand for a while."""
        recent, most = (self.texts, _RECENT_TEXTS) if isinstance(value, str) else (self.recent, _RECENT)
        recent[index] = (value,)
        if len(recent) > most:
            del recent[next(iter(recent))]

    def forget(self, start: int, stop: int) -> None:
        """Drop the values of entries from ``start`` up to ``stop``; their codes stay."""
        if len(self.kept) < stop - start:
            for index in [index for index in self.kept if start <= index < stop]:
                self._forget_one(index)
            return
        for index in range(start, stop):
            self._forget_one(index)

    def _forget_one(self, index: int) -> None:
        self.kept.pop(index, None)
        self.roots.discard(index)
