"""What the decoder does at each opcode that is no plain scalar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pc_worker.reader.errors import unsafe
from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.allow_list import admitted, build, call, construct
from pc_worker.reader.pickle.decode.scalars import line
from pc_worker.reader.pickle.decode.state import DecodeState
from pc_worker.reader.pickle.described import Array, Container

Action = Callable[[DecodeState, int], int]
#: Arrays, UUIDs and types are memoized before their state is known.
_LATE = 64


def _memoize(d: DecodeState, pos: int) -> int:
    top = d.stack[-1]
    if type(top) is not str:
        d.late[id(top)] = len(d.memo)
        if len(d.late) > _LATE:
            del d.late[next(iter(d.late))]
    d.memo.append(top)
    return pos + 1


def _put(width: int) -> Action:
    def action(d: DecodeState, pos: int) -> int:
        _memoize(d, pos)
        return pos + 1 + width

    return action


def _put_line(d: DecodeState, pos: int) -> int:
    _memoize(d, pos)
    return line(d.data, pos)[1]


def _fetch(d: DecodeState, index: int) -> None:
    d.stack.append(d.entry(index))


def _get(width: int) -> Action:
    def action(d: DecodeState, pos: int) -> int:
        _fetch(d, int.from_bytes(d.data[pos + 1 : pos + 1 + width], "little"))
        return pos + 1 + width

    return action


def _get_line(d: DecodeState, pos: int) -> int:
    raw, end = line(d.data, pos)
    _fetch(d, int(raw))
    return end


def _mark(d: DecodeState, pos: int) -> int:
    d.marks.append(len(d.stack))
    return pos + 1


def _empty(kind: Callable[[], Any]) -> Action:
    def action(d: DecodeState, pos: int) -> int:
        d.stack.append(kind())
        return pos + 1

    return action


def _tuple(d: DecodeState, pos: int) -> int:
    d.stack.append(tuple(d.since_mark()))
    return pos + 1


def _small_tuple(size: int) -> Action:
    def action(d: DecodeState, pos: int) -> int:
        items = tuple(d.stack[-size:])
        del d.stack[-size:]
        d.stack.append(items)
        return pos + 1

    return action


def _list(d: DecodeState, pos: int) -> int:
    d.stack.append(d.since_mark())
    return pos + 1


def _append(d: DecodeState, pos: int) -> int:
    item = d.stack.pop()
    d.stack[-1].append(item)
    return pos + 1


def _appends(d: DecodeState, pos: int) -> int:
    items = d.since_mark()
    d.stack[-1].extend(items)
    return pos + 1


def _dict(d: DecodeState, pos: int) -> int:
    items = d.since_mark()
    d.stack.append(dict(zip(items[::2], items[1::2], strict=True)))
    return pos + 1


def _setitem(d: DecodeState, pos: int) -> int:
    value, key = d.stack.pop(), d.stack.pop()
    d.stack[-1][key] = value
    return pos + 1


def _setitems(d: DecodeState, pos: int) -> int:
    items = d.since_mark()
    d.stack[-1].update(zip(items[::2], items[1::2], strict=True))
    return pos + 1


def _additems(d: DecodeState, pos: int) -> int:
    items = d.since_mark()
    d.stack[-1].update(items)
    return pos + 1


def _frozenset(d: DecodeState, pos: int) -> int:
    d.stack.append(frozenset(d.since_mark()))
    return pos + 1


def _global(d: DecodeState, pos: int) -> int:
    module, middle = line(d.data, pos)
    name, end = line(d.data, middle - 1)
    d.stack.append(admitted(module.decode("ascii", "replace"), name.decode("ascii", "replace")))
    return end


def _stack_global(d: DecodeState, pos: int) -> int:
    name, module = d.stack.pop(), d.stack.pop()
    d.stack.append(admitted(module, name))
    return pos + 1


def _reduce(d: DecodeState, pos: int) -> int:
    args, function = d.stack.pop(), d.stack.pop()
    d.stack.append(_finished(call(function, args)))
    return pos + 1


def _newobj(d: DecodeState, pos: int) -> int:
    args, cls = d.stack.pop(), d.stack.pop()
    d.stack.append(construct(cls, args))
    return pos + 1


def _build(d: DecodeState, pos: int) -> int:
    state = d.stack.pop()
    d.replace_top(_finished(build(d.stack[-1], state)))
    return pos + 1


def _finished(value: Any) -> Any:
    if isinstance(value, Array):
        return value if value.data is None else value.realised()
    if isinstance(value, Container):
        return {} if value.kind == "dict" else []
    return value


def _stop(d: DecodeState, pos: int) -> int:
    """Return the end of one pickle of a stream: its value is an item, and the memo starts again."""
    d.items.append(d.stack.pop())
    d.memo.clear()
    d.late.clear()
    return pos + 1


def _proto(d: DecodeState, pos: int) -> int:
    return pos + 2


def _frame(d: DecodeState, pos: int) -> int:
    return pos + 9


def _refused(d: DecodeState, pos: int) -> int:
    raise unsafe(f"the opcode {d.data[pos]:#04x} does not belong in a cell")


_KNOWN: dict[int, Action] = {
    op.MARK: _mark,
    op.MEMOIZE: _memoize,
    op.BINPUT: _put(1),
    op.LONG_BINPUT: _put(4),
    op.PUT: _put_line,
    op.BINGET: _get(1),
    op.LONG_BINGET: _get(4),
    op.GET: _get_line,
    op.EMPTY_LIST: _empty(list),
    op.EMPTY_DICT: _empty(dict),
    op.EMPTY_SET: _empty(set),
    op.EMPTY_TUPLE: _empty(tuple),
    op.TUPLE: _tuple,
    op.TUPLE1: _small_tuple(1),
    op.TUPLE2: _small_tuple(2),
    op.TUPLE3: _small_tuple(3),
    op.LIST: _list,
    op.DICT: _dict,
    op.APPEND: _append,
    op.APPENDS: _appends,
    op.SETITEM: _setitem,
    op.SETITEMS: _setitems,
    op.ADDITEMS: _additems,
    op.FROZENSET: _frozenset,
    op.GLOBAL: _global,
    op.STACK_GLOBAL: _stack_global,
    op.REDUCE: _reduce,
    op.NEWOBJ: _newobj,
    op.BUILD: _build,
    op.FRAME: _frame,
    op.PROTO: _proto,
    op.STOP: _stop,
}
#: One action for each of the 256 opcodes.
ACTIONS = [_KNOWN.get(code, _refused) for code in range(256)]
