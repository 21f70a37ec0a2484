"""Handle PUT and GET in all their forms: the walker's rules for values that are referred to more than once."""

from __future__ import annotations

from pc_worker.reader.errors import broken
from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.decode import object_cells
from pc_worker.reader.pickle.decode.scalars import counted
from pc_worker.reader.pickle.walk.memo import CONTAINER, OPEN, SCALAR, SPECIAL
from pc_worker.reader.pickle.walk.nodes import OFFSET, Node, Ref
from pc_worker.reader.pickle.walk.walker import Action, Walker

_MAX_DIGITS = 12
#: Names, types and arguments are in no cell, so what they would weigh there does not matter.
_SMALL = 16


def memoize(w: Walker, pos: int) -> int:
    """Handle MEMOIZE: the top of the stack becomes the next memo entry."""
    top, index = w.top(), w.count
    if isinstance(top, Ref) or (isinstance(top, Node) and top.index >= 0):
        raise broken("a value is memoized twice")
    if isinstance(top, Node):
        w.memo.open_node(index, top)
    else:
        w.memo.note_scalar(index, _scalar_length(w, top))
    if w.bulk is None:
        w.memo.kept[index] = top
    w.count += 1
    return pos + 1


def _scalar_length(w: Walker, address: int) -> int:
    head = w.bytes_at(address & OFFSET, 9)
    if head[0] in op.COUNTED:
        return counted(head, 0)[1]
    if head[0] in op.LINES:
        return w.base + w.acting - (address & OFFSET)
    if head[0] in (op.BINGET, op.LONG_BINGET, op.GET):
        raise broken("a value is memoized twice")
    return len(head)


def put(width: int) -> Action:
    """Handle PUT with a binary index of ``width`` bytes, which must be the next one."""

    def action(w: Walker, pos: int) -> int:
        _check_next(w, int.from_bytes(w.buf[pos + 1 : pos + 1 + width], "little"))
        return memoize(w, pos) + width

    return action


def put_line(w: Walker, pos: int) -> int:
    """Handle PUT with its index as a line of text."""
    index, end = _index_line(w, pos)
    _check_next(w, index)
    memoize(w, pos)
    return end


def _check_next(w: Walker, index: int) -> None:
    if index != w.count:
        raise broken(f"the memo entry {index} is set where {w.count} is the next; write the file with pandas again")


def _index_line(w: Walker, pos: int) -> tuple[int, int]:
    end = w.buf.find(b"\n", pos, pos + _MAX_DIGITS)
    digits = w.buf[pos + 1 : end]
    if end < 0 or not digits.isdigit():
        raise broken("a memo index is not a number")
    return int(digits), end + 1


def get(width: int) -> Action:
    """Handle GET with a binary index of ``width`` bytes."""

    def action(w: Walker, pos: int) -> int:
        if w.forms and w.bulk is not None and len(w.marks) == w.bulk.marks + 1:
            end = object_cells.skip(w, pos)
            if end > pos:
                return end
        _get(w, pos, int.from_bytes(w.buf[pos + 1 : pos + 1 + width], "little"))
        return pos + 1 + width

    return action


def get_line(w: Walker, pos: int) -> int:
    """Handle GET with its index as a line of text."""
    index, end = _index_line(w, pos)
    _get(w, pos, index)
    return end


def _get(w: Walker, pos: int, index: int) -> None:
    code = w.memo.check(index, w.count)
    w.places.gets.append(w.base + pos)
    if index in w.memo.kept:
        w.memo.roots.add(index)
    if code <= SCALAR:
        w.referred += 1 << code
        w.push(w.here(pos))
    elif code == OPEN:
        node = w.memo.open[index]
        node.shared = True
        w.referred += node.weight
        w.push(Ref(w.here(pos), index, node, plain=node.plain, depth=node.depth, weight=node.weight))
    else:
        _get_node(w, pos, index, code)


def _get_node(w: Walker, pos: int, index: int, code: int) -> None:
    """Push a finished value that took more than one opcode."""
    kept = w.memo.kept.get(index)
    node = kept if isinstance(kept, Node) else None
    plain = code != SPECIAL
    weight = 1 << (code - CONTAINER) if plain else _SMALL
    w.referred += weight
    w.push(Ref(w.here(pos), index, node, plain=plain, depth=w.memo.depth(index), weight=weight))
