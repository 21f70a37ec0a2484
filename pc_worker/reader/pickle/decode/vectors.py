"""Decodes segments that hold arrays: runs of cells written alike become rows of one numpy array at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, pairwise
from typing import Any

import numpy as np

from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.decode.decoder import Decoder
from pc_worker.reader.pickle.decode.runs import CellTemplate
from pc_worker.reader.pickle.decode.scalars import counted
from pc_worker.reader.pickle.decode.state import LOST, EntryLost
from pc_worker.reader.pickle.forms import Form, cells_in

_BYTES = frozenset({op.SHORT_BINBYTES, op.BINBYTES, op.BINBYTES8, op.BYTEARRAY8})


def decode_arrays(fresh: Decoder, forms: tuple[Form, ...] = ()) -> list[Any]:
    """Return the items of the bytes of ``fresh``, as its ``run`` does, but faster if they are arrays of one form."""
    try:
        return _Runs(fresh.copy(), forms).decode()
    except EntryLost:
        return fresh.run()


class _Runs:
    """Steps through a segment, knowing where each item of the outermost list began."""

    def __init__(self, decoder: Decoder, forms: tuple[Form, ...]) -> None:
        self._decoder, self._forms = decoder, forms
        self._base = len(decoder.marks)
        self._starts: list[tuple[int, int]] = []
        self._template: CellTemplate | None = None
        self._memos: tuple[int, int] = (0, 0)
        self._dtype: np.dtype[Any] = np.dtype("u1")
        self._words: dict[int, Any] = {}

    def decode(self) -> list[Any]:
        decoder, pos, payload, opened = self._decoder, 0, -1, (0, 0)
        data, end = decoder.data, len(decoder.data)
        while pos < end:
            if self._template is not None and data.startswith(self._template.head, pos):
                pos += self._pour(pos)
            if self._forms and len(decoder.marks) == self._base:
                pos = self._pour_objects(pos)
            if pos >= end:
                break
            code, at = data[pos], (pos, len(decoder.memo))
            if code == op.MARK and len(decoder.marks) == self._base:
                opened = at
            elif code in _BYTES:
                payload = pos
            pos = decoder.step(pos)
            if len(decoder.marks) == self._base:
                self._note(opened if code == op.TUPLE else at)
                if (code == op.REDUCE or code == op.BUILD) and payload >= 0:
                    pos = self._learn(payload, pos)
        return decoder.finish()

    def _note(self, at: tuple[int, int]) -> None:
        items = len(self._decoder.stack) - 1
        if items > len(self._starts):
            self._starts.append(at)
        else:
            del self._starts[items:]

    def _learn(self, payload: int, pos: int) -> int:
        """Note, after an array, how its cell is written, and keep its memo entry."""
        decoder, array = self._decoder, self._decoder.stack[-1]
        start, memos = self._starts[-1]
        at, length = counted(decoder.data, payload)
        if not isinstance(array, np.ndarray) or array.ndim != 1 or array.nbytes != length or payload < start:
            return pos
        if pos < len(decoder.data) and decoder.data[pos] == op.MEMOIZE:
            pos = decoder.step(pos)
        own = [number for number in range(memos, len(decoder.memo)) if decoder.memo[number] is array]
        if len(own) == 1 and array.dtype.kind != "O" and length > 0:
            self._template = CellTemplate(decoder.data[start:at], length, decoder.data[at + length : pos])
            self._memos, self._dtype = (len(decoder.memo) - memos, own[0] - memos), array.dtype
        return pos

    def _pour_objects(self, pos: int) -> int:
        """Add all the cells from ``pos`` on that fit one of the forms; return where they end."""
        decoder = self._decoder
        if len(decoder.stack) - 1 != len(self._starts):
            return pos
        for form in self._forms:
            while cells := cells_in(decoder.data, form, pos, len(decoder.data)):
                # One array for all, of which each cell is a part.
                items = np.fromiter(self._fetched(cells.indexes.tolist()), object, len(cells.indexes))
                ends = np.cumsum(cells.counts).tolist()
                arrays = [items[first:last] for first, last in pairwise([0, *ends])]
                self._add(cells.starts.tolist(), arrays, form.made, form.own)
                pos = cells.end
        return pos

    def _add(self, starts: list[int], arrays: list[Any], made: int, own: int) -> None:
        """Add cells that begin at ``starts`` and made ``made`` memo entries each, of which ``own`` is the cell."""
        decoder = self._decoder
        memos = len(decoder.memo)
        self._starts += zip(starts, count(memos, made))
        entries = [LOST] * (made * len(arrays))
        entries[own::made] = arrays
        decoder.memo += entries
        decoder.stack += arrays

    def _fetched(self, indexes: Sequence[int]) -> list[Any]:
        """Return what the references to ``indexes`` refer to."""
        words = self._words
        try:
            return [words[index] for index in indexes]
        except KeyError:
            words.update((index, self._entry(index)) for index in set(indexes).difference(words))
            return [words[index] for index in indexes]

    def _entry(self, index: int) -> Any:
        """Return the value of memo entry ``index``, unless it may be of a cell that is only now added."""
        if index >= self._decoder.memo_start + len(self._decoder.memo):
            raise EntryLost
        return self._decoder.entry(index)

    def _pour(self, pos: int) -> int:
        """Add all the cells from ``pos`` on that fit the template; return how many bytes they take."""
        decoder, template = self._decoder, self._template
        if template is None or len(decoder.marks) != self._base or len(decoder.stack) - 1 != len(self._starts):
            return 0
        cells = template.count(decoder.data, pos, len(decoder.data))
        if cells == 0:
            return 0
        raw = np.frombuffer(decoder.data, np.uint8, cells * template.size, pos).reshape(cells, template.size)
        front = len(template.head)
        arrays = list(np.ascontiguousarray(raw[:, front : front + template.length]).view(self._dtype))
        entries, own = self._memos
        self._add(list(range(pos, pos + cells * template.size, template.size)), arrays, entries, own)
        return cells * template.size
