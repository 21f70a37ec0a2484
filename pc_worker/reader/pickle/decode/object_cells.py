"""Array cells of objects (lists of words, as numpy arrays): recognised by how the cell before was written.

numpy writes each such cell with twenty opcodes around its items. Where two cells in a row are written alike but
for their items, and the items are references to earlier values, the cells that follow are found by a pattern.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.described import Array
from pc_worker.reader.pickle.forms import MAX_FORMS, REFERENCES, Form, FormCells, cells_in
from pc_worker.reader.pickle.walk.memo import CONTAINER, SCALAR, SPECIAL
from pc_worker.reader.pickle.walk.nodes import OFFSET, ONE, SHIFT, Entry, Group, Items, Special
from pc_worker.reader.pickle.walk.walker import Walker

#: The length of such a cell is one byte.
_MAX_ITEMS = 255
_ITEMS = re.compile(REFERENCES, re.DOTALL)


def learn(w: Walker, node: Special, state: Entry, pos: int) -> None:
    """Note the form of an array cell of a long list, if it has one, after its BUILD at ``pos``."""
    form = _form_of(w, node, state, pos)
    if form is None or form in w.forms:
        return
    if form == w.candidate and len(w.forms) < MAX_FORMS:
        w.forms.append(form)
    w.candidate = form


def _form_of(w: Walker, node: Special, state: Entry, pos: int) -> Form | None:
    start, buf = (node.address & OFFSET) - w.base, w.buf
    if not isinstance(state, Group) or not _is_object_cell(w, node.value) or node.index < 0:
        return None
    shape, items = state.entries[1], state.entries[4]
    if start < 0 or (w.places.frames and w.places.frames[-1] >= w.base + start) or not isinstance(shape, Group):
        return None
    if len(shape.entries) != 1 or not isinstance(shape.entries[0], int):
        return None
    length, first = w.offset_of(shape.entries[0]) - w.base, w.offset_of(items) - w.base
    found = _ITEMS.match(buf, first + 2, pos)
    if buf[length] != op.BININT1 or buf[first : first + 2] != b"]\x94" or found is None:
        return None
    if isinstance(items, Items) and (items.end & OFFSET) - w.base != found.end() and found.end() > first + 2:
        return None
    made, own = w.count - (node.address >> SHIFT), node.index - (node.address >> SHIFT)
    return Form(buf[start:length], buf[length + 2 : first + 2], buf[found.end() : pos + 1], made, own)


def _is_object_cell(w: Walker, value: Any) -> bool:
    at_item = w.bulk is not None and len(w.marks) == w.bulk.marks + 1
    return at_item and isinstance(value, Array) and value.dtype is not None and value.dtype.hasobject


def skip(w: Walker, pos: int) -> int:
    """Pass over the cells of a known form that begin at ``pos``; return where they end, or ``pos``."""
    for form in w.forms:
        if w.buf.startswith(form.head, pos):
            end = _skip_cells(w, form, pos)
            if end > pos:
                return end
    return pos


def _skip_cells(w: Walker, form: Form, pos: int) -> int:
    cells = cells_in(w.buf, form, pos, w.limit)
    weight = None if cells is None else _weights(w, cells.indexes)
    if cells is None or weight is None:
        return pos
    # An upper bound for every cell: the longest cell, and as many of the heaviest references as fit one.
    heaviest = int(weight.max()) * _MAX_ITEMS if len(weight) else 0
    _add(w, form, cells, cells.longest + heaviest)
    w.referred += int(weight.sum())
    return cells.end


def _weights(w: Walker, index: np.ndarray) -> np.ndarray | None:
    """Return what the entries ``index`` weigh, in bytes; None if one is no plain scalar."""
    if not len(index):
        return index
    w.memo.fill(w.count)
    if int(index.max()) >= w.count:
        return None
    found = np.frombuffer(w.memo.codes, np.uint8)[index]
    if int(found.max()) > SCALAR:
        return None
    w.memo.roots.update(w.memo.kept.keys() & set(index.tolist()))
    return np.asarray(np.left_shift(1, found.astype(np.int64)))


def _add(w: Walker, form: Form, cells: FormCells, heaviest: int) -> None:
    """Put the cells on the stack, none of which weighs more than ``heaviest`` bytes."""
    count, here, step = len(cells.starts), w.here(0), form.made * ONE
    w.stack.extend(here + start + number * step for number, start in enumerate(cells.starts.tolist()))
    w.memo.fill(w.count)
    codes = bytearray([SPECIAL]) * form.made
    codes[form.own] = CONTAINER + heaviest.bit_length()
    w.memo.codes += codes * count
    w.count += form.made * count
    w.places.add_special(w.base + int(cells.starts[0]), w.base + cells.end)
