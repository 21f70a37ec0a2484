"""Returns the values behind stack entries, for the few that decide what a file means; long payloads stay in place."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from bisect import bisect_right
from typing import Any

import numpy as np

from pc_worker.reader.cells.values import Interval, Period, Timedelta, Timestamp
from pc_worker.reader.errors import broken, over_limit, unsafe
from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.decode.decoder import Decoder
from pc_worker.reader.pickle.decode.scalars import SCALARS, counted
from pc_worker.reader.pickle.described import Payload
from pc_worker.reader.pickle.flat_lists import length_of
from pc_worker.reader.pickle.walk.nodes import (
    OFFSET,
    SHIFT,
    Bag,
    DictNode,
    Entry,
    Group,
    Items,
    Ref,
    Special,
    address_of,
)
from pc_worker.reader.pickle.walk.walker import Walker

#: Payloads up to this many bytes are read; longer ones become a Payload.
INLINE = 4096
_GETS = {op.BINGET: 1, op.LONG_BINGET: 4}
_LINE = 8192
#: Texts up to this many characters are remembered as likely keys.
_KEY = 256


def real(w: Walker, entry: Entry, depth: int = 0) -> Any:
    """Return the value of ``entry``: a scalar, a tuple, a dict, an inert part; a plain list stays an ``Items``.

    Raises:
        Rejected: If the parts nest too deep or a key is no scalar.
    """
    if depth > w.limits.depth:
        raise over_limit(f"parts lie more than {w.limits.depth} deep in one another")
    match entry:
        case int():
            return scalar(w, entry)
        case Special():
            return entry.value
        case Ref():
            return _referred(w, entry, depth)
        case Group():
            return tuple(real(w, item, depth + 1) for item in entry.entries)
        case DictNode():
            return _dict(w, entry, depth)
        case Items():
            if entry.entries is not None and not entry.plain:
                return [real(w, item, depth + 1) for item in entry.entries]
            return entry
        case Bag():
            return _decoded(w, entry, entry.finish)
    raise unsafe("a value of unknown kind")


def _dict(w: Walker, fields: DictNode, depth: int) -> dict[Any, Any]:
    pairs = zip(fields.entries[::2], fields.entries[1::2], strict=True)
    return {key_of(w, key): real(w, value, depth + 1) for key, value in pairs}


def key_of(w: Walker, entry: Entry) -> Any:
    """Return the key that ``entry`` is.

    Raises:
        Rejected: If it is no scalar and no tuple of scalars.
    """
    key = real(w, entry)
    if type(key) is tuple:
        for part in key:
            _check_key(part)
    else:
        _check_key(key)
    return key


#: Types that a key may be of; none computes its hash by code that the file could choose.
_KEYS = (
    type(None), bool, int, float, complex, str, bytes, dt.date, dt.time, dt.timedelta, decimal.Decimal, uuid.UUID,
    np.generic, Timestamp, Timedelta, Interval, Period,
)  # fmt: skip


def _check_key(key: object) -> None:
    if not isinstance(key, _KEYS):
        raise unsafe("a key is not a text, a number or a date")


def _referred(w: Walker, ref: Ref, depth: int) -> Any:
    return real(w, ref.node, depth + 1) if ref.node is not None else memo_value(w, ref.target)


def scalar(w: Walker, address: int) -> Any:
    """Return the plain scalar at ``address``; payloads longer than ``INLINE`` as a Payload."""
    offset = address & OFFSET
    head = w.bytes_at(offset, 9)
    code = head[0]
    if code in _GETS:
        return memo_value(w, int.from_bytes(head[1 : 1 + _GETS[code]], "little"))
    if code == op.GET:
        return memo_value(w, int(w.bytes_at(offset + 1, 24).partition(b"\n")[0]))
    if code in op.COUNTED:
        start, length = counted(head, 0)
        if length > INLINE:
            return Payload(offset + start, length, text=code in op.TEXT)
        return SCALARS[code](w.bytes_at(offset, start + length), 0)[0]
    if code == op.EMPTY_LIST:  # a flat list that was passed over as if it were a scalar
        return _flat_list(w, address)
    if code in op.LINES:
        return SCALARS[code](_whole_line(w, offset), 0)[0]
    return SCALARS[code](head, 0)[0]


def _flat_list(w: Walker, address: int) -> list[Any]:
    offset, room = address & OFFSET, INLINE
    while (length := length_of(data := w.bytes_at(offset, room))) < 0:
        if offset + room >= w.size:
            raise broken("a list does not end")
        room *= 4
    if length > w.limits.cell_bytes:
        raise over_limit("a list that is used as an argument is too long")
    found: list[Any] = _one_value(w, data[:length], address >> SHIFT, list)
    return found


def _whole_line(w: Walker, offset: int) -> bytes:
    length = _LINE
    while b"\n" not in (data := w.bytes_at(offset, length)) and offset + length < w.size:
        length *= 4
    return data


def memo_value(w: Walker, index: int) -> Any:
    """Return the value of memo entry ``index``."""
    text = w.memo.texts.get(index)  # first: keys of rows are nearly all that is asked for
    if text is not None:
        return text[0]
    kept = w.memo.kept.get(index)
    if kept is not None:
        return _kept(w, index, kept)
    recent = w.memo.recent.get(index)
    return recent[0] if recent is not None else _replayed(w, index)


def _kept(w: Walker, index: int, kept: Entry) -> Any:
    if isinstance(kept, int) and kept >> SHIFT != index:
        raise broken("a memo entry refers to another")
    value = real(w, kept)
    if isinstance(value, str) and len(value) <= _KEY:
        w.memo.remember(index, value)
    return value


def _replayed(w: Walker, index: int) -> Any:
    start, memos, end = _segment_of(w, index)
    if end - start > w.limits.cell_bytes:
        raise over_limit("a value refers to one that lies in too large a cell")
    w.count_replay(end - start)
    decoder = Decoder(w.source.read(start, end - start), memos, lambda earlier: memo_value(w, earlier), in_batch=True)
    decoder.run()
    if index - memos >= len(decoder.memo):
        raise broken("a value refers to one that cannot be found again")
    # The next one asked for often is next to it: the keys of wide rows.
    for number, value in enumerate(decoder.memo, memos):
        if isinstance(value, str) and len(value) <= _KEY:
            w.memo.remember(number, value)
    value = decoder.memo[index - memos]
    w.memo.remember(index, value)
    return value


def _segment_of(w: Walker, index: int) -> tuple[int, int, int]:
    """Return where to decode to find memo entry ``index``: byte offset, memo entries made before it, end."""
    for node in reversed(w.lists):
        if node.memos and node.memos[0] <= index < node.end >> SHIFT:
            mark = bisect_right(node.memos, index) - 1
            end = node.offsets[mark + 1] if mark + 1 < len(node.offsets) else node.end & OFFSET
            return node.offsets[mark], node.memos[mark], end
    place = bisect_right(w.stack, (index << SHIFT) | OFFSET, key=address_of) - 1
    if place < 0:
        raise broken("a value refers to one that cannot be found again")
    address = address_of(w.stack[place])
    return address & OFFSET, address >> SHIFT, w.base + w.acting


def listed(w: Walker, node: Items) -> list[Any]:
    """Return the items of a plain list, decoded."""
    found: list[Any] = _decoded(w, node, node.end & OFFSET)
    return found


def _decoded(w: Walker, node: Items | Bag, end: int) -> Any:
    start = node.address & OFFSET
    if isinstance(node, Items) and node.foreign is not None:
        raise unsafe("a list that is used as an argument holds something that is no cell")
    if end - start > w.limits.cell_bytes:
        raise over_limit("a list or set that is used as an argument is too long")
    kind = list if isinstance(node, Items) else set | frozenset
    return _one_value(w, w.source.read(start, end - start), node.address >> SHIFT, kind)


def _one_value(w: Walker, data: bytes, memos: int, kind: Any) -> Any:
    items = Decoder(data, memos, lambda index: memo_value(w, index), in_batch=False).run()
    if len(items) != 1 or not isinstance(items[0], kind):
        raise broken("a list or set is not written as a whole")
    return items[0]
