"""How array cells of references are written: the form that the walk learns and that reading uses again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pc_worker.reader.pickle import opcodes as op
from pc_worker.reader.pickle.repetition import POSSESSIVE

#: Two or more references in a batch, or one, or none.
REFERENCES = rb"((?:\((?:j.{4}|h.){2,}" + POSSESSIVE + rb"e|(?:j.{4}|h.)a)?)"
#: Most forms of one file.
MAX_FORMS = 16
#: Cells found at a time, so that their references are checked together.
_MAX_CELLS = 1024


@dataclass(frozen=True, slots=True)
class Form:
    """How an array cell of references is written: ``head``, the opcode of its length, ``middle``, items, ``tail``.

    Attributes:
        made: Memo entries of one cell.
        own: Which of them is the array.
    """

    head: bytes
    middle: bytes
    tail: bytes
    made: int
    own: int


@dataclass(frozen=True, slots=True)
class FormCells:
    """The n consecutive cells of one form.

    Attributes:
        starts: Byte offset of each, shape (n,).
        end: Byte offset after the last.
        counts: Number of items of each, shape (n,).
        indexes: The memo entries that the items of all of them refer to, shape (sum of ``counts``,).
    """

    starts: np.ndarray
    end: int
    counts: np.ndarray
    indexes: np.ndarray

    @property
    def longest(self) -> int:
        """Bytes of the longest cell."""
        return int(np.diff(self.starts, append=self.end).max())


@lru_cache(maxsize=MAX_FORMS)
def _patterns(form: Form) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Return what matches one cell of ``form``, with its items as a group, and what matches several."""
    around = [re.escape(part) for part in (form.head, form.middle, form.tail)]
    one = around[0] + b"K." + around[1] + REFERENCES + around[2]
    several = b"(?:%b){1,%d}" % (one, _MAX_CELLS) + POSSESSIVE
    return re.compile(one, re.DOTALL), re.compile(several, re.DOTALL)


def cells_in(data: bytes, form: Form, pos: int, stop: int) -> FormCells | None:
    """Return the cells of ``form`` that begin at ``pos`` and end by ``stop``, or None if there is none.

    A cell that does not have as many items as it says ends them.
    """
    one, several = _patterns(form)
    found = several.match(data, pos, stop)
    if found is None:
        return None
    spans = np.array([cell.span(1) for cell in one.finditer(data, pos, found.end())])
    firsts, lasts = spans[:, 0], spans[:, 1]
    raw = np.frombuffer(data, np.uint8)
    counts = raw[firsts - len(form.middle) - 1].astype(np.int64)
    starts, ends = firsts - len(form.head) - 2 - len(form.middle), lasts + len(form.tail)
    places = _long_places(firsts, counts)
    if (lasts - firsts == _long_sizes(counts)).all() and (raw[places] == op.LONG_BINGET).all():
        return FormCells(starts, int(ends[-1]), counts, _numbers(raw, places))
    return _one_by_one(data, spans, starts, ends, counts)


def _long_sizes(counts: np.ndarray) -> np.ndarray:
    """Return the bytes of items that are long references: several are between MARK and APPENDS, one before APPEND."""
    return np.asarray(_LONG * counts + np.minimum(counts, 2))


def _long_places(firsts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return where the references of cells are if all are long, given where the items of each cell begin."""
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(np.repeat(firsts + (counts > 1), counts) + _LONG * within)


def _numbers(raw: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the memo entries that the long references at ``places`` name."""
    index: np.ndarray = raw[places + 1].astype(np.int64)
    for byte in range(1, 4):
        index |= raw[places + 1 + byte].astype(np.int64) << 8 * byte
    return index


def _one_by_one(
    data: bytes, spans: np.ndarray, starts: np.ndarray, ends: np.ndarray, counts: np.ndarray
) -> FormCells | None:
    """Return the cells at ``spans``, among whose references are short ones."""
    indexes: list[int] = []
    cells = 0
    for (first, last), count in zip(spans.tolist(), counts.tolist(), strict=True):
        own = _references(data, first, last)
        if len(own) != count:
            break
        indexes += own
        cells += 1
    if cells == 0:
        return None
    return FormCells(starts[:cells], int(ends[cells - 1]), counts[:cells], np.array(indexes, dtype=np.int64))


def _references(data: bytes, start: int, end: int) -> list[int]:
    """Return the memo entries that the items between ``start`` and ``end`` refer to."""
    found, at = [], start + 1 if end > start and data[start] == op.MARK else start
    while at < end and data[at] in (op.LONG_BINGET, op.BINGET):
        width = 4 if data[at] == op.LONG_BINGET else 1
        found.append(int.from_bytes(data[at + 1 : at + 1 + width], "little"))
        at += 1 + width
    return found


#: Bytes of a long reference.
_LONG = 5
