"""Indexes a file of pickles: one walk, after which every slice of every list can be read on its own."""

from __future__ import annotations

from array import array
from typing import Any

from pc_worker.reader.errors import broken, not_a_table, over_limit
from pc_worker.reader.files.source import Source
from pc_worker.reader.index.layout import OF_PICKLES, Layout, Listing, PickleLayout, longs
from pc_worker.reader.limits import Limits
from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.decode.scalars import counted
from pc_worker.reader.pickle.described import Array, Call
from pc_worker.reader.pickle.shapes.frames import is_columns
from pc_worker.reader.pickle.shapes.names import row_labels
from pc_worker.reader.pickle.walk.actions import ACTIONS
from pc_worker.reader.pickle.walk.nodes import OFFSET, SHIFT, STRIDE, DictNode, Entry, Group, Items, Node, Ref
from pc_worker.reader.pickle.walk.realise import key_of, real
from pc_worker.reader.pickle.walk.walker import Walker


def index_pickles(source: Source, limits: Limits) -> Layout:
    """Return the index of ``source``; every opcode of it has been judged when this returns.

    Raises:
        Rejected: If anything in the file is unsafe, broken or over a limit.
        SourceChanged: If the file shrank meanwhile.
    """
    walker = Walker(source, limits, ACTIONS)
    stream = _Stream(walker)
    while walker.offset < source.size:
        start = walker.offset
        walker.begin(start)
        stream.add(walker.walk(), start)
    return stream.layout()


class _Stream:
    """Collects the pickles of a file: tables, and runs of dicts that are rows, unless all dicts are of columns."""

    def __init__(self, walker: Walker) -> None:
        self._walker = walker
        self._parts: list[PickleLayout] = []
        #: The runs of dicts: where each begins among the parts, and its rows.
        self._runs: list[tuple[int, Listing]] = []
        #: The dicts that are also parts, because all before them are of columns.
        self._dicts: list[int] = []
        self._keys: dict[Any, None] = {}
        self._in_run = self._has_rows = self._has_tables = False

    def add(self, result: Entry, start: int) -> None:
        """Take what one pickle, which starts at byte ``start``, is."""
        if isinstance(result, DictNode) and result.plain:
            self._add_dict(result, start)
            return
        self._in_run, self._has_tables = False, True
        part = part_of(self._walker, result, len(self._parts))
        if part.tree is None:
            raise not_a_table("the file holds None in place of a table: save the table itself")
        self._add_part(part)

    def _add_part(self, part: PickleLayout) -> None:
        if len(self._parts) >= self._walker.limits.pickles:
            raise over_limit(f"the file holds more than {self._walker.limits.pickles} tables")
        self._parts.append(part)

    def _add_dict(self, result: DictNode, start: int) -> None:
        if not self._in_run:
            self._in_run = True
            run = Listing(0, 0, False, 0, longs(), longs(), longs(), b"", part=OF_PICKLES)
            self._runs.append((len(self._parts), run))
            if self._has_rows:
                self._add_part(PickleLayout(run))
        self._add_row(self._runs[-1][1], result, start)
        if not self._has_rows:
            self._dicts.append(len(self._parts))
            self._add_part(part_of(self._walker, result, len(self._parts)))
            self._has_rows = not is_columns(self._parts[-1].tree)

    def _add_row(self, rows: Listing, result: DictNode, start: int) -> None:
        w = self._walker
        if rows.count % STRIDE == 0:
            rows.firsts.append(rows.count)
            rows.offsets.append(start)
            rows.memos.append(0)
        rows.count, rows.dicts, rows.end = rows.count + 1, rows.dicts + 1, w.offset
        self._keys.update(dict.fromkeys(row_labels(result.keys)))
        if len(self._keys) > w.limits.columns:
            raise over_limit(f"the rows have more than {w.limits.columns} different keys")

    def layout(self) -> Layout:
        """Return the index of all pickles taken."""
        w, rows = self._walker, None
        if self._has_rows:
            for _, run in self._runs:
                run.keys = tuple(self._keys)
            if self._has_tables:
                self._put_runs()
            elif self._runs[0][1].count > 1:
                rows, self._parts = self._runs[0][1], []
        places = w.places
        return Layout(
            self._parts,
            rows,
            places.frames,
            places.gets,
            places.specials,
            w.protocol,
            tuple(sorted(w.names)),
        )

    def _put_runs(self) -> None:
        """Put each run of rows in the place of the dicts that are parts."""
        for number in self._dicts:
            self._parts[number] = PickleLayout(None)
        for number, run in self._runs:
            self._parts[number] = PickleLayout(run)


def part_of(w: Walker, result: Entry, number: int) -> PickleLayout:
    """Return the pickle that has just been walked, freed from the walker's state."""
    lists = [listing_of(node, number) for node in w.lists]
    known = {id(node): listing for node, listing in zip(w.lists, lists, strict=True)}
    value = _with_columns(w, result) if isinstance(result, DictNode) else real(w, result)
    return PickleLayout(_Freed(w, number, known).free(value, 0), _roots(w), lists, tuple(w.forms))


def _with_columns(w: Walker, fields: DictNode) -> dict[Any, Any]:
    pairs = zip(fields.entries[::2], fields.entries[1::2], strict=True)
    return {key_of(w, key): _column_or_value(w, value) for key, value in pairs}


def _column_or_value(w: Walker, entry: Entry) -> Any:
    """Return what is under a key of a dict; a tuple of cells is a column, whose items are read like a list's."""
    node = entry.node if isinstance(entry, Ref) else entry
    if not isinstance(node, Group) or not node.plain or not node.entries:
        return real(w, entry)
    column = Items(node.address, w.referred)
    column.add(node.entries, batched=True)
    # The opcode that makes the tuple is left out: the items are those of a batch that is not closed.
    column.end, column.left_open = node.finish - 1, True
    return column


def listing_of(node: Items, number: int) -> Listing:
    """Return where the items of ``node`` lie."""
    return Listing(
        node.count, node.end & OFFSET, node.left_open, node.end >> SHIFT,
        node.firsts, node.offsets, node.memos, bytes(node.batched), tuple(node.keys), node.dicts, number, node.foreign,
    )  # fmt: skip


class _Freed:
    """Turns a value that may hold the walker's lists into one that holds listings."""

    def __init__(self, w: Walker, number: int, known: dict[int, Listing]) -> None:
        self._w, self._number, self._known = w, number, known
        self._left = w.limits.opcodes

    def free(self, value: Any, depth: int) -> Any:
        """Return ``value`` with every list as a Listing."""
        self._left -= 1
        if depth > 2 * self._w.limits.depth or self._left < 0:
            raise over_limit("the parts of the table nest too deep or are too many")
        match value:
            case Items():
                return self._known.setdefault(id(value), listing_of(value, self._number))
            case tuple():
                return tuple(self.free(item, depth + 1) for item in value)
            case list():
                return [self.free(item, depth + 1) for item in value]
            case dict():
                return {key: self.free(item, depth + 1) for key, item in value.items()}
            case Call():
                return Call(value.kind, self.free(value.args, depth + 1), self.free(value.state, depth + 1))
            case Array():
                return Array(value.dtype, value.shape, value.order, self.free(value.data, depth + 1), value.axes)
        return value


def _roots(w: Walker) -> array[int]:
    numbers = longs()
    for index in sorted(w.memo.roots):
        entry = w.memo.kept.get(index)
        if entry is None:
            continue
        address = entry.address if isinstance(entry, Node) else entry
        numbers.extend((index, address & OFFSET, address >> SHIFT, _end_of(w, entry)))
    return numbers


def _end_of(w: Walker, entry: Entry) -> int:
    if isinstance(entry, Node):
        return entry.finish
    offset = entry & OFFSET
    head = w.bytes_at(offset, 9)
    if head[0] in op.COUNTED:
        start, length = counted(head, 0)
        return offset + start + length
    if head[0] in op.FIXED:
        return offset + op.FIXED[head[0]]
    data = w.source.read(offset, min(1 << 20, w.size - offset))
    end = data.find(b"\n")
    if end < 0:
        raise broken("a value refers to a line of text that is too long")
    return offset + end + 1
