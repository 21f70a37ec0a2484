"""Decodes the items of a segment of a file that the indexer has proved sound, as values; executes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pc_worker.reader.errors import broken, unsafe
from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.allow_list import admitted, build, call, construct
from pc_worker.reader.pickle.decode.scalars import SCALARS, line
from pc_worker.reader.pickle.described import Array, Container

Resolve = Callable[[int], object]
#: Arrays, UUIDs and types are memoized before their state is known.
_LATE = 64


#: Stands for memo entries that a run of arrays passed over.
LOST = object()


class EntryLost(Exception):
    """A value refers to an entry that was passed over; decode the segment again without that."""


class Decoder:
    """Turns the opcodes of ``data`` into a list of items.

    Args:
        data: Whole opcodes, of items that are one after another in a list.
        memo_start: Number of memo entries made before ``data``.
        resolve: Returns the value of a memo entry made before ``data``.
        in_batch: Whether ``data`` starts after a MARK whose APPENDS is still to come.
    """

    def __init__(self, data: bytes, memo_start: int, resolve: Resolve, *, in_batch: bool) -> None:
        self.data, self.memo_start, self.resolve = data, memo_start, resolve
        self.items: list[Any] = []
        self.stack: list[Any] = [self.items]
        self.marks: list[int] = [1] if in_batch else []
        self.memo: list[Any] = []
        self.late: dict[int, int] = {}

    def copy(self) -> Decoder:
        """Return another decoder of the same segment, at its start."""
        return Decoder(self.data, self.memo_start, self.resolve, in_batch=bool(self.marks))

    def run(self) -> list[Any]:
        """Return the items."""
        data, push, pos, end = self.data, self.stack.append, 0, len(self.data)
        while pos < end:
            decode = _SCALAR_TABLE[data[pos]]
            if decode is None:
                pos = _ACTION_TABLE[data[pos]](self, pos)
            else:
                value, pos = decode(data, pos)
                push(value)
        return self.finish()

    def step(self, pos: int) -> int:
        """Do the opcode at ``pos``; return where the next one is."""
        decode = _SCALAR_TABLE[self.data[pos]]
        if decode is None:
            return _ACTION_TABLE[self.data[pos]](self, pos)
        value, pos = decode(self.data, pos)
        self.stack.append(value)
        return pos

    def finish(self) -> list[Any]:
        """Return the items, once every opcode is done."""
        self.items.extend(self.stack[1:])
        del self.stack[1:]
        return self.items

    def entry(self, index: int) -> Any:
        """Return the value of memo entry ``index``.

        Raises:
            EntryLost: If it was passed over.
        """
        own = index - self.memo_start
        if own >= len(self.memo):
            raise broken("a value refers to one that comes later")
        value = self.memo[own] if own >= 0 else self.resolve(index)
        if value is LOST:
            raise EntryLost
        return value

    def replace_top(self, value: object) -> None:
        """Put ``value`` in the place of the top, also where the memo refers to it."""
        old = self.stack[-1]
        index = self.late.pop(id(old), None)
        if index is not None:
            self.memo[index] = value
        self.stack[-1] = value

    def since_mark(self) -> list[Any]:
        """Take what is above the newest mark off the stack."""
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values


def _memoize(d: Decoder, pos: int) -> int:
    top = d.stack[-1]
    if type(top) is not str:
        d.late[id(top)] = len(d.memo)
        if len(d.late) > _LATE:
            del d.late[next(iter(d.late))]
    d.memo.append(top)
    return pos + 1


def _put(width: int) -> Callable[[Decoder, int], int]:
    def action(d: Decoder, pos: int) -> int:
        _memoize(d, pos)
        return pos + 1 + width

    return action


def _put_line(d: Decoder, pos: int) -> int:
    _memoize(d, pos)
    return line(d.data, pos)[1]


def _fetch(d: Decoder, index: int) -> None:
    d.stack.append(d.entry(index))


def _get(width: int) -> Callable[[Decoder, int], int]:
    def action(d: Decoder, pos: int) -> int:
        _fetch(d, int.from_bytes(d.data[pos + 1 : pos + 1 + width], "little"))
        return pos + 1 + width

    return action


def _get_line(d: Decoder, pos: int) -> int:
    raw, end = line(d.data, pos)
    _fetch(d, int(raw))
    return end


def _mark(d: Decoder, pos: int) -> int:
    d.marks.append(len(d.stack))
    return pos + 1


def _empty(kind: Callable[[], Any]) -> Callable[[Decoder, int], int]:
    def action(d: Decoder, pos: int) -> int:
        d.stack.append(kind())
        return pos + 1

    return action


def _tuple(d: Decoder, pos: int) -> int:
    d.stack.append(tuple(d.since_mark()))
    return pos + 1


def _small_tuple(size: int) -> Callable[[Decoder, int], int]:
    def action(d: Decoder, pos: int) -> int:
        items = tuple(d.stack[-size:])
        del d.stack[-size:]
        d.stack.append(items)
        return pos + 1

    return action


def _list(d: Decoder, pos: int) -> int:
    d.stack.append(d.since_mark())
    return pos + 1


def _append(d: Decoder, pos: int) -> int:
    item = d.stack.pop()
    d.stack[-1].append(item)
    return pos + 1


def _appends(d: Decoder, pos: int) -> int:
    items = d.since_mark()
    d.stack[-1].extend(items)
    return pos + 1


def _dict(d: Decoder, pos: int) -> int:
    items = d.since_mark()
    d.stack.append(dict(zip(items[::2], items[1::2], strict=True)))
    return pos + 1


def _setitem(d: Decoder, pos: int) -> int:
    value, key = d.stack.pop(), d.stack.pop()
    d.stack[-1][key] = value
    return pos + 1


def _setitems(d: Decoder, pos: int) -> int:
    items = d.since_mark()
    d.stack[-1].update(zip(items[::2], items[1::2], strict=True))
    return pos + 1


def _additems(d: Decoder, pos: int) -> int:
    items = d.since_mark()
    d.stack[-1].update(items)
    return pos + 1


def _frozenset(d: Decoder, pos: int) -> int:
    d.stack.append(frozenset(d.since_mark()))
    return pos + 1


def _global(d: Decoder, pos: int) -> int:
    module, middle = line(d.data, pos)
    name, end = line(d.data, middle - 1)
    d.stack.append(admitted(module.decode("ascii", "replace"), name.decode("ascii", "replace")))
    return end


def _stack_global(d: Decoder, pos: int) -> int:
    name, module = d.stack.pop(), d.stack.pop()
    d.stack.append(admitted(module, name))
    return pos + 1


def _reduce(d: Decoder, pos: int) -> int:
    args, function = d.stack.pop(), d.stack.pop()
    d.stack.append(_finished(call(function, args)))
    return pos + 1


def _newobj(d: Decoder, pos: int) -> int:
    args, cls = d.stack.pop(), d.stack.pop()
    d.stack.append(construct(cls, args))
    return pos + 1


def _build(d: Decoder, pos: int) -> int:
    state = d.stack.pop()
    d.replace_top(_finished(build(d.stack[-1], state)))
    return pos + 1


def _finished(value: Any) -> Any:
    if isinstance(value, Array):
        return value if value.data is None else value.realised()
    return {} if isinstance(value, Container) else value


def _stop(d: Decoder, pos: int) -> int:
    """Return the end of one pickle of a stream: its value is an item, and the memo starts again."""
    d.items.append(d.stack.pop())
    d.memo.clear()
    d.late.clear()
    return pos + 1


def _proto(d: Decoder, pos: int) -> int:
    return pos + 2


def _frame(d: Decoder, pos: int) -> int:
    return pos + 9


def _refused(d: Decoder, pos: int) -> int:
    raise unsafe(f"the opcode {d.data[pos]:#04x} does not belong in a cell")


_ACTIONS: dict[int, Callable[[Decoder, int], int]] = {
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
_SCALAR_TABLE = [SCALARS.get(code) for code in range(256)]
_ACTION_TABLE = [_ACTIONS.get(code, _refused) for code in range(256)]
