"""Lists and tuples being put together: the walker's rules for MARK and what closes it."""

from __future__ import annotations

from typing import Any

from pc_worker.reader.cells.normal import label_text
from pc_worker.reader.errors import broken, over_limit, unsafe
from pc_worker.reader.pickle.described import Call, Foreign, class_name
from pc_worker.reader.pickle.shapes.names import row_labels
from pc_worker.reader.pickle.walk.memo import CONTAINER
from pc_worker.reader.pickle.walk.nodes import (
    OFFSET,
    STRIDE,
    DictNode,
    Entry,
    Group,
    Items,
    Node,
    Ref,
    Run,
    Special,
)
from pc_worker.reader.pickle.walk.realise import memo_value
from pc_worker.reader.pickle.walk.state import Bulk, Mispredicted
from pc_worker.reader.pickle.walk.walker import Action, Walker

#: A list, its dict, the dict's tuple: a level of nesting opens a few marks at most.
_MARKS_PER_LEVEL = 4


def mark(w: Walker, pos: int) -> int:
    """Handle MARK: remember the height of the stack; after a long list, expect its next batch."""
    if len(w.marks) > _MARKS_PER_LEVEL * w.limits.depth:
        raise over_limit(f"values nest more than {w.limits.depth} deep")
    top = w.stack[-1] if w.stack and w.bulk is None else None
    offset = w.base + pos
    # Protocol 0 appends items one by one; there, MARK begins an item.
    in_batches = isinstance(top, Items) and top.sealed and bool(top.batched[-1])
    if in_batches and offset not in w.mispredicted:
        w.bulk = Bulk(offset, w.count, len(w.marks), len(w.stack), w.referred, w.frame_end, w.nodes)
    w.marks.append(len(w.stack))
    w.mark_info.append((w.here(pos), w.referred))
    return pos + 1


def since_mark(w: Walker, *, joins_list: bool = False) -> tuple[list[Entry], int, int]:
    """Take the entries above the newest MARK; with the MARK's address, and what was referred to before it.

    Raises:
        Mispredicted: If this is the batch of a long list, and it does not join that list.
    """
    if not w.marks:
        raise broken("there is no MARK for an opcode that needs one")
    start = w.marks.pop()
    address, referred = w.mark_info.pop()
    if w.bulk is not None and len(w.marks) == w.bulk.marks:
        if not joins_list:
            raise Mispredicted
        w.bulk = None
    entries = w.stack[start:]
    del w.stack[start:]
    if not joins_list:
        entries = [item for entry in entries for item in w.expand(entry)] if w.bulk else entries
    return entries, address, referred


def empty_list(w: Walker, pos: int) -> int:
    """Handle EMPTY_LIST."""
    node = Items(w.here(pos), w.referred)
    node.nodes = w.nodes
    node.end, node.finish = w.here(pos + 1), w.base + pos + 1
    w.push(node)
    return pos + 1


def empty_tuple(w: Walker, pos: int) -> int:
    """Handle EMPTY_TUPLE."""
    node = Group(w.here(pos), [])
    node.finish = w.base + pos + 1
    w.push(node)
    return pos + 1


def absorb(w: Walker, entries: list[Entry]) -> tuple[bool, int]:
    """Make ``entries`` part of another value; return whether all may be cells, and how deep they nest."""
    plain, depth, limits = True, 0, w.limits
    for entry in entries:
        if type(entry) is int or type(entry) is Run:
            continue
        node: Node = entry  # type: ignore[assignment]  # an entry that is no int is a node
        w.memo.close_node(node)
        plain = plain and node.plain
        depth = max(depth, node.depth)
        if node.plain and node.weight > limits.cell_bytes and not _long(node):
            raise over_limit(f"one cell holds more than {limits.cell_bytes} bytes")
    if depth >= limits.depth:
        raise over_limit(f"values nest more than {limits.depth} deep")
    return plain, depth + 1


def _long(node: Node) -> bool:
    """Return whether ``node`` is a column or a block rather than a cell."""
    return (isinstance(node, Items) and node.sealed) or isinstance(node, Special)


def tuple_from_mark(w: Walker, pos: int) -> int:
    """Handle TUPLE."""
    entries, address, referred = since_mark(w)
    node = Group(address, entries)
    node.plain, node.depth = absorb(w, entries)
    node.weight = w.base + pos - (address & OFFSET) + w.referred - referred
    node.finish = w.base + pos + 1
    w.push(node)
    return pos + 1


def tuple_of(size: int) -> Action:
    """Handle TUPLE1, TUPLE2, TUPLE3."""

    def action(w: Walker, pos: int) -> int:
        entries = [w.pop() for _ in range(size)][::-1]
        node = Group(entries[0].address if isinstance(entries[0], Node) else entries[0], entries)
        node.plain, node.depth = absorb(w, entries)
        node.weight = w.base + pos - w.offset_of(entries[0]) + sum(_weight(w, entry) for entry in entries)
        node.finish = w.base + pos + 1
        w.push(node)
        return pos + 1

    return action


def _weight(w: Walker, entry: Entry) -> int:
    """Return what ``entry`` refers to beyond its own bytes, at most."""
    if isinstance(entry, Node):
        return entry.weight
    head = w.bytes_at(entry & OFFSET, 5)
    if head[0] not in (0x68, 0x6A):
        return 0
    index = head[1] if head[0] == 0x68 else int.from_bytes(head[1:5], "little")
    return 1 << (w.memo.check(index, w.count) % CONTAINER)


def list_from_mark(w: Walker, pos: int) -> int:
    """Handle LIST: what protocol 0 writes for an empty list, and other writers for any."""
    before = w.here(pos)
    entries, address, referred = since_mark(w)
    node = Items(address, referred)
    node.nodes = w.nodes
    w.push(node)
    extend(w, node, entries, batched=True)
    node.end, node.left_open = (before, True) if entries else (w.here(pos + 1), False)
    return pos + 1


def append(w: Walker, pos: int) -> int:
    """Handle APPEND."""
    entry = w.pop()
    node = _open_list(w)
    extend(w, node, [entry], batched=False)
    node.end, node.left_open = w.here(pos + 1), False
    if node.sealed:  # protocol 0 has no batches
        w.spent = 0
    return pos + 1


def appends(w: Walker, pos: int) -> int:
    """Handle APPENDS."""
    joins = w.bulk is not None and len(w.marks) == w.bulk.marks + 1
    entries, _, _ = since_mark(w, joins_list=joins)
    node = _open_list(w)
    extend(w, node, entries, batched=True)
    node.end, node.left_open = w.here(pos + 1), False
    w.spent = 0
    return pos + 1


def _open_list(w: Walker) -> Items:
    top = w.top()
    if not isinstance(top, Items):
        raise unsafe("items are appended to something else than a new list")
    return top


def check_open(node: Node) -> None:
    """Refuse to change a container that the memo handed out."""
    if node.shared:
        raise unsafe("a value is changed after the memo handed it out, or holds itself")


def extend(w: Walker, node: Items, entries: list[Entry], *, batched: bool) -> None:
    """Append ``entries`` to the list ``node``; past ``STRIDE`` plain items only their places are kept."""
    check_open(node)
    plain, depth = absorb(w, entries)
    node.plain, node.depth = node.plain and plain, max(node.depth, depth)
    if w.bulk is not None:
        if not node.plain and node.foreign is None:
            node.foreign = _foreign(node, entries)
        node.entries = None
        node.count += sum(entry.count if isinstance(entry, Run) else 1 for entry in entries)
        w.nodes = node.nodes + 1
    else:
        if not node.plain and node.sealed and node.foreign is None:
            node.foreign = _foreign(node, entries)
        if node.dicts == node.count:
            _note_dicts(w, node, entries)
        node.add(entries, batched=batched)
        _keep(w, node, entries)
    node.weight = w.base + w.acting - (node.address & OFFSET) + w.referred - node.referred
    node.finish = w.base + w.acting + 1
    if w.referred > w.limits.expansion * w.size + w.limits.expansion_free_bytes:
        raise over_limit("shared values make the table far larger than its file")


def _foreign(node: Items, entries: list[Entry]) -> Foreign:
    """Return the first of ``entries`` that is not a cell. Its column's label is elsewhere.

    Raises:
        Rejected: If it is no object that is for itself, but a part of one.
    """
    number = node.count
    for entry in entries:
        if isinstance(entry, Node) and not entry.plain:
            return Foreign(number, class_of(entry), _key_of_object(entry))
        number += entry.count if isinstance(entry, Run) else 1
    raise unsafe("a list holds something that is no cell")


def _key_of_object(entry: Entry) -> str | None:
    """Return the key of a row under which it holds an object that is no cell."""
    if not isinstance(entry, DictNode):
        return None
    values = zip(entry.keys, entry.entries[1::2], strict=True)
    return next((label_text(key) for key, value in values if isinstance(value, Node) and not value.plain), None)


def class_of(entry: Entry) -> str:
    """Return the class of an entry that is no cell, or of the object in it that is none."""
    if isinstance(entry, Ref) and entry.node is not None:
        return class_of(entry.node)
    if isinstance(entry, Special):
        return class_name(entry.value)
    if isinstance(entry, Items) and entry.foreign is not None:
        return entry.foreign.what
    parts = entry.entries if isinstance(entry, Items | DictNode | Group) else None
    return next((class_of(part) for part in parts or () if isinstance(part, Node) and not part.plain), "object")


def _keep(w: Walker, node: Items, entries: list[Entry]) -> None:
    if node.entries is not None:
        node.entries += entries
        if not node.plain or len(node.entries) <= STRIDE or _is_of_blocks(w, node):
            return
        node.entries = None
    # The list's own entry stays: it was made before its first item.
    w.memo.forget(max(node.kept_from, node.memos[0]), w.count)
    node.kept_from = w.count
    w.nodes = node.nodes + 1
    while w.lists and w.lists[-1].address >= node.address:
        w.lists.pop()
    w.lists.append(node)


def _is_of_blocks(w: Walker, node: Items) -> bool:
    """Return whether ``node`` lists a frame's blocks, as pandas before 1.4 wrote them: columns, not cells of one.

    Raises:
        Rejected: If they are more than a table may have columns.
    """
    below = w.stack[w.marks[-1] - 1] if w.marks and w.marks[-1] > 0 else None
    if not isinstance(below, Special) or not isinstance(below.value, Call) or below.value.kind != "BlockManager":
        return False
    if node.count > w.limits.columns:
        raise over_limit(f"the table has more than {w.limits.columns} blocks of columns")
    return True


def _note_dicts(w: Walker, node: Items, entries: list[Entry]) -> None:
    batch = {entry.index: entry for entry in entries if isinstance(entry, DictNode)}
    for entry in entries:
        keys = _keys_of_row(w, node, entry, batch)
        if keys is None:
            return
        node.dicts += 1
        # As text: 1, 1.0 and True are one key to Python, and three columns.
        node.keys.update(dict.fromkeys(row_labels(keys)))
        if len(node.keys) > w.limits.columns:
            raise over_limit(f"the rows have more than {w.limits.columns} different keys")


def _keys_of_row(w: Walker, node: Items, entry: Entry, batch: dict[int, DictNode]) -> list[Any] | None:
    """Return the keys of a row of ``node``, which may be one that was before; None if it is no dict."""
    row: Entry | None = entry
    if isinstance(entry, Ref):
        row = entry.node or batch.get(entry.target)
        # Only after a dict: columns of other things must not be looked up in the file one by one.
        if row is None and node.dicts:
            value = memo_value(w, entry.target)
            return list(value) if isinstance(value, dict) else None
    return row.keys if isinstance(row, DictNode) else None
