"""Names, calls and states: the walker's rules for the opcodes with which a hostile file would run code."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np

from pc_worker.reader.errors import broken, unsafe
from pc_worker.reader.pickle import allow_list
from pc_worker.reader.pickle.decode import object_cells
from pc_worker.reader.pickle.decode.runs import repeat
from pc_worker.reader.pickle.decode.scalars import latin
from pc_worker.reader.pickle.described import Array, Container, Marks, Payload, Symbol
from pc_worker.reader.pickle.walk.nodes import OFFSET, DictNode, Entry, Group, Items, Node, Special, address_of
from pc_worker.reader.pickle.walk.realise import listed, real
from pc_worker.reader.pickle.walk.walker import Walker

#: Types of call results that a cell may hold.
_VALUES = (
    type(None), bool, int, float, complex, str, bytes, bytearray, set, frozenset,
    dt.date, dt.time, dt.timedelta, decimal.Decimal, uuid.UUID, np.generic, Payload, dict,
)  # fmt: skip
_INERT = frozenset({"Timestamp", "Timedelta", "Interval", "Period"})
#: Calls that take a list as it is, however plain its items.
_TAKE_LISTS = frozenset({"set", "frozenset", "array", "FrozenList", "struct", "chunked_array"})
#: Bytes of text between two marks: a slice decodes this many more than it needs.
_STEP = 1 << 15


def is_plain(value: Any) -> bool:
    """Return whether what a call returned may be a cell."""
    if isinstance(value, Array):
        if value.dtype is None:
            return False
        return not value.dtype.hasobject or _holds_plain(value.data)
    return isinstance(value, _VALUES) or type(value).__name__ in _INERT


def _holds_plain(items: Any) -> bool:
    """Return whether an array's items may be cells; a list is one that was passed over, or one that holds a name."""
    if isinstance(items, list):
        return all(map(is_plain, items))
    return isinstance(items, Items) and items.plain


def global_line(w: Walker, pos: int) -> int:
    """Handle GLOBAL: module and name as two lines."""
    middle = w.buf.find(b"\n", pos)
    end = w.buf.find(b"\n", middle + 1)
    if middle < 0 or end < 0 or end - pos > 300:
        raise broken("a name is not written as two lines")
    module = w.buf[pos + 1 : middle].decode("ascii", "replace")
    name = w.buf[middle + 1 : end].decode("ascii", "replace")
    w.names.add(f"{module}.{name}")
    _push(w, w.here(pos), pos, allow_list.admitted(module, name)).finish = w.base + end + 1
    return end + 1


def stack_global(w: Walker, pos: int) -> int:
    """Handle STACK_GLOBAL: module and name from the stack."""
    last, first = w.pop(), w.pop()
    module, name = real(w, first), real(w, last)
    value = allow_list.admitted(module, name)
    w.names.add(f"{module}.{name}")
    _push(w, address_of(first), pos, value)
    return pos + 1


def _push(w: Walker, address: int, pos: int, value: Any) -> Special:
    w.places.add_special(w.base + pos, w.base + pos)
    node = Special(address, value, plain=is_plain(value), weight=w.base + pos - (address & OFFSET) + 32)
    node.finish = w.base + pos + 1
    w.push(node)
    return node


def reduce(w: Walker, pos: int) -> int:
    """Handle REDUCE: a call, described and never made."""
    args, function = w.pop(), w.pop()
    symbol = real(w, function)
    if isinstance(symbol, Symbol) and symbol in _ENCODES:
        value = _encoded(w, symbol, real(w, args))
    else:
        value = allow_list.call(symbol, _arguments(w, symbol, args))
    for entry in (function, args):
        if isinstance(entry, Node):
            w.memo.close_node(entry)
    if isinstance(value, Container):
        return _push_container(w, address_of(function), pos, value.kind)
    node = _push(w, address_of(function), pos, value)
    _count_in(node, args)
    return _maybe_repeat(w, node, _first(args), pos + 1)


def _push_container(w: Walker, address: int, pos: int, kind: str) -> int:
    """Push the empty dict or list that a call returns, which the opcodes after it fill."""
    node: DictNode | Items
    if kind == "dict":
        node = DictNode(address, w.referred)
    else:
        node = Items(address, w.referred)
        node.nodes, node.end = w.nodes, w.here(pos + 1)
    node.finish = w.base + pos + 1
    w.push(node)
    w.places.add_special(w.base + pos, w.base + pos)
    return pos + 1


def _count_in(node: Special, part: Entry) -> None:
    """Add ``part`` to what ``node`` holds: it is one level deeper, and weighs as much more as ``part`` refers to."""
    if isinstance(part, Node):
        node.depth = max(node.depth, part.depth + 1)
        node.weight += part.weight


#: What protocols 0 to 2 write bytes with: ``encode(text, 'latin1')``.
_ENCODES = frozenset({Symbol("_codecs", "encode"), Symbol("builtins", "bytearray"), Symbol("__builtin__", "bytearray")})


def _arguments(w: Walker, symbol: Any, args: Entry) -> Any:
    values = real(w, args)
    if isinstance(symbol, Symbol) and symbol.name in _TAKE_LISTS and isinstance(values, tuple):
        return tuple(listed(w, value) if isinstance(value, Items) else value for value in values)
    return values


def _encoded(w: Walker, symbol: Symbol, args: Any) -> Any:
    """Return bytes that are written as text; of long ones outside cells only marks are kept."""
    match args:
        case (Payload(text=True) as payload, "latin1" | "latin-1"):
            w.count_replay(payload.length)
            pieces = (_piece(w, payload, offset) for offset in range(0, payload.length, _STEP))
            return _marked(payload, pieces) if w.bulk is None else b"".join(piece for _, piece in pieces)
        case (Payload(text=False) as payload,):
            return payload
    return allow_list.call(symbol, args)


def _marked(payload: Payload, pieces: Iterator[tuple[int, bytes]]) -> Payload:
    numbers, offsets, count = [], [], 0
    for offset, piece in pieces:
        numbers.append(count)
        offsets.append(offset)
        count += len(piece)
    end = payload.start + payload.length
    return Payload(payload.start, count, marks=Marks(tuple(numbers), tuple(offsets), end))


def _piece(w: Walker, payload: Payload, offset: int) -> tuple[int, bytes]:
    """Return the start of a segment of text, and its bytes; a character cut at its start belongs to the one before."""
    length = min(_STEP + 1, payload.length - offset)
    start = payload.start + offset
    raw = w.source.read(start, length)
    if length > _STEP and raw[-1] & 0xC0 != 0x80:
        raw = raw[:-1]
    if offset and raw[0] & 0xC0 == 0x80:
        return start + 1, latin(raw[1:])
    return start, latin(raw)


def newobj(w: Walker, pos: int) -> int:
    """Handle NEWOBJ: an object of a class, described and never created."""
    args, cls = w.pop(), w.pop()
    value = allow_list.construct(real(w, cls), real(w, args))
    for entry in (args, cls):
        if isinstance(entry, Node):
            w.memo.close_node(entry)
    _count_in(_push(w, address_of(cls), pos, value), args)
    return pos + 1


def newobj_ex(w: Walker, pos: int) -> int:
    """Handle NEWOBJ_EX: the same with keywords, which none of our classes takes."""
    raise unsafe("the opcode NEWOBJ_EX has no place in a table")


def build(w: Walker, pos: int) -> int:
    """Handle BUILD: a state, noted and never set."""
    state, target = w.pop(), w.top()
    if not isinstance(target, Special) or target.shared:
        raise unsafe("a state is set on something else than a new object")
    target.value = allow_list.build(target.value, real(w, state))
    target.plain = is_plain(target.value)
    target.weight = w.base + pos - (target.address & OFFSET)
    target.finish = w.base + pos + 1
    _count_in(target, state)
    if isinstance(state, Node):
        w.memo.close_node(state)
    w.places.add_special(w.base + pos, w.base + pos)
    object_cells.learn(w, target, state, pos)
    return _maybe_repeat(w, target, _last(state), pos + 1)


def _first(args: Entry) -> Entry | None:
    return args.entries[0] if isinstance(args, Group) and args.entries else None


def _last(state: Entry) -> Entry | None:
    return state.entries[-1] if isinstance(state, Group) and state.entries else None


def _maybe_repeat(w: Walker, node: Special, payload: Entry | None, pos: int) -> int:
    """Pass over all cells that follow an array cell in a long list and are written the same way."""
    if not isinstance(node.value, Array) or not isinstance(payload, int) or w.bulk is None:
        return pos
    if len(w.marks) != w.bulk.marks + 1 or node.value.data is None or isinstance(node.value.data, Payload):
        return pos
    return repeat(w, node, payload, pos)
