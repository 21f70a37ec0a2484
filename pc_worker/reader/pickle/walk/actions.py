"""What the walker does at each opcode that is no plain scalar: the rules of a sound, harmless pickle."""

from __future__ import annotations

import codecs

from pc_worker.reader.errors import broken, over_limit, unsafe
from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.decode.scalars import SCALARS, counted
from pc_worker.reader.pickle.walk.calls import build, global_line, newobj, newobj_ex, reduce, stack_global
from pc_worker.reader.pickle.walk.containers import (
    append,
    appends,
    empty_list,
    empty_tuple,
    list_from_mark,
    mark,
    tuple_from_mark,
    tuple_of,
)
from pc_worker.reader.pickle.walk.mappings import (
    additems,
    dict_from_mark,
    empty_dict,
    empty_set,
    frozenset_from_mark,
    setitem,
    setitems,
)
from pc_worker.reader.pickle.walk.memo_actions import get, get_line, memoize, put, put_line
from pc_worker.reader.pickle.walk.walker import Action, Walker

_LINE_WINDOW = 8192
_STEP = 1 << 20


def _unknown(w: Walker, pos: int) -> int:
    code = w.buf[pos]
    if code in op.FORBIDDEN:
        raise unsafe(f"the opcode {op.FORBIDDEN[code]} has no place in a table")
    raise broken(f"{code:#04x} is not a pickle opcode")


def _proto(w: Walker, pos: int) -> int:
    version = w.buf[pos + 1]
    if version > 5:
        raise broken(f"pickle protocol {version} is newer than 5; write the file with protocol 5")
    if w.base + pos != w.offset:
        raise broken("the opcode PROTO stands inside the pickle")
    w.protocol = max(w.protocol, version)
    return pos + 2


def _frame(w: Walker, pos: int) -> int:
    start = w.base + pos + 9
    length = int.from_bytes(w.buf[pos + 1 : pos + 9], "little")
    if w.frame_end:
        raise broken("a frame begins inside another")
    if length > w.size - start:
        raise broken("a frame is longer than the file")
    w.places.frames.append(w.base + pos)
    w.frame_end = start + length
    w.set_stop()
    return pos + 9


def _stop(w: Walker, pos: int) -> int:
    if w.frame_end and w.frame_end != w.base + pos + 1:
        raise broken("the pickle ends inside a frame")
    if len(w.stack) != 1 or w.marks:
        raise broken("the pickle ends with more than one value on its stack")
    w.result = w.stack.pop()
    return pos + 1


def _payload(w: Walker, pos: int) -> int:
    """Pass over a text, bytes or an integer with a counted length; check that a text is UTF-8."""
    code = w.buf[pos]
    start, length = counted(w.buf, pos)
    first = w.base + start
    if length > w.size - first:
        raise broken("the file ends inside a value")
    if code in (op.LONG1, op.LONG4) and length > w.limits.int_bytes:
        raise over_limit(f"an integer is longer than {w.limits.int_bytes} bytes")
    if code in op.TEXT:
        _check_long_text(w, first, length)
    elif code in (op.SHORT_BINSTRING, op.BINSTRING):
        SCALARS[code](w.bytes_at(w.base + pos, start - pos + min(length, w.limits.text_bytes)), 0)
    w.push(w.here(pos))
    return start + length


def _check_long_text(w: Walker, first: int, length: int) -> None:
    """Check UTF-8 in steps: outside cells, protocols 0 to 2 write whole number blocks as one text."""
    if length > w.limits.text_bytes and w.bulk is not None:
        raise over_limit(f"a text is longer than {w.limits.text_bytes} bytes")
    decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    for start in range(0, length, _STEP):
        size = min(_STEP, length - start)
        try:
            decoder.decode(w.bytes_at(first + start, size), start + size == length)
        except UnicodeDecodeError as error:
            raise broken(f"a text is not valid UTF-8 ({error.reason})") from error


def _line(w: Walker, pos: int) -> int:
    """Pass over a value that is written as a line of text, as protocol 0 does."""
    code, offset, length = w.buf[pos], w.base + pos, _LINE_WINDOW
    while b"\n" not in (data := w.bytes_at(offset, length)):
        if length > w.limits.text_bytes or offset + length >= w.size:
            raise broken("the file ends inside a line of text, or the line is too long")
        length *= 4
    _, size = SCALARS[code](data, 0)
    w.push(w.here(pos))
    return pos + size


def _table() -> list[Action]:
    table: list[Action] = [_unknown] * 256
    known: dict[int, Action] = {
        op.PROTO: _proto,
        op.FRAME: _frame,
        op.STOP: _stop,
        op.MARK: mark,
        op.MEMOIZE: memoize,
        op.BINPUT: put(1),
        op.LONG_BINPUT: put(4),
        op.PUT: put_line,
        op.BINGET: get(1),
        op.LONG_BINGET: get(4),
        op.GET: get_line,
        op.EMPTY_LIST: empty_list,
        op.EMPTY_DICT: empty_dict,
        op.EMPTY_SET: empty_set,
        op.EMPTY_TUPLE: empty_tuple,
        op.TUPLE: tuple_from_mark,
        op.TUPLE1: tuple_of(1),
        op.TUPLE2: tuple_of(2),
        op.TUPLE3: tuple_of(3),
        op.LIST: list_from_mark,
        op.DICT: dict_from_mark,
        op.FROZENSET: frozenset_from_mark,
        op.APPEND: append,
        op.APPENDS: appends,
        op.SETITEM: setitem,
        op.SETITEMS: setitems,
        op.ADDITEMS: additems,
        op.GLOBAL: global_line,
        op.STACK_GLOBAL: stack_global,
        op.REDUCE: reduce,
        op.NEWOBJ: newobj,
        op.NEWOBJ_EX: newobj_ex,
        op.BUILD: build,
    }
    known.update(dict.fromkeys(op.COUNTED, _payload))
    known.update(dict.fromkeys(op.LINES, _line))
    for code, action in known.items():
        table[code] = action
    return table


#: One action for each of the 256 opcodes.
ACTIONS = _table()
