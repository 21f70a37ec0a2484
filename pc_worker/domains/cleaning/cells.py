"""Checks of one cell: whether it is null, whether its text can be stored, and how a reason quotes it."""

from __future__ import annotations

import numpy as np

from pc_worker.reader import MISSING, normal

# Enough to recognise the value, never the whole text of a row.
_QUOTED_CHARACTERS = 40
#: A tuple: a union of types is made again by each call, which takes longer than the check.
_NEVER_NULL = (str, int, bytes, list, tuple, dict, np.ndarray)
_QUOTED_BITS = 128  # Python does not convert an integer of thousands of digits to text


class BadValue(ValueError):
    """The cell cannot be stored: the row is dead. The message is a clause without the field's name."""


class DropRow(Exception):
    """The row is not wanted because of this cell: it is skipped. The message is a clause without the field's name."""


def is_null(cell: object) -> bool:
    """Return whether the cell is missing, None, NaN, NaT or NA."""
    if isinstance(cell, _NEVER_NULL):
        return False
    if cell is None or cell is MISSING:
        return True
    if isinstance(cell, float):
        return cell != cell
    return normal(cell) is None


def checked_text(text: str) -> str:
    """Return the text unchanged if PostgreSQL and protobuf can store it.

    Raises:
        BadValue: If it has a NUL character or a lone surrogate.
    """
    if "\0" in text:
        raise BadValue("holds a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as fault:
            raise BadValue("holds a lone surrogate, which is no valid Unicode") from fault
    return text


def quoted(cell: object) -> str:
    """Return a short, printable quotation of the cell, for a reason."""
    if isinstance(cell, str):
        return f'"{printable(cell)}"'
    if not isinstance(cell, int | float | np.generic):
        return f"a {type(cell).__name__}"
    if isinstance(cell, int) and cell.bit_length() > _QUOTED_BITS:
        return "a huge integer"
    return printable(str(normal(cell)))


def printable(text: str) -> str:
    """Return the beginning of ``text`` with control characters escaped."""
    short = text if len(text) <= _QUOTED_CHARACTERS else text[:_QUOTED_CHARACTERS] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in short)
