"""How array cells of references are written: the form that the walk learns and that reading uses again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from pc_worker.reader import opcodes as op

#: Two or more references in a batch, or one, or none.
REFERENCES = rb"((?:\((?:j.{4}|h.){2,}+e|(?:j.{4}|h.)a)?)"
#: Most forms of one file.
MOST_FORMS = 16
_MOST = 1024


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


@lru_cache(maxsize=MOST_FORMS)
def patterns(form: Form) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """One cell of ``form``, with its length and items as groups, and a run of such cells."""
    around = [re.escape(part) for part in (form.head, form.middle, form.tail)]
    one = around[0] + rb"K(.)" + around[1] + REFERENCES + around[2]
    many = rb"(?:%s){1,%d}+" % (one.replace(rb"K(.)", rb"K.", 1), _MOST)
    return re.compile(one, re.DOTALL), re.compile(many, re.DOTALL)


def places_in(data: bytes, start: int, end: int) -> list[int]:
    """Where the references among a cell's items, ``data[start:end]``, stand."""
    places, at = [], start + 1 if end > start and data[start] == op.MARK else start
    while at < end and data[at] in (op.LONG_BINGET, op.BINGET):
        places.append(at)
        at += 5 if data[at] == op.LONG_BINGET else 2
    return places
