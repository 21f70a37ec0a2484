"""Judging one cell: whether it is null, what is wrong with its text, and how a reason may quote it."""

from __future__ import annotations

import numpy as np

from pc_worker.reader import MISSING, normal

# 40 characters tell a person which value is meant, and never the whole text of a row.
_QUOTED_CHARACTERS = 40
_QUOTED_BITS = 128  # beyond thousands of digits Python refuses to write an integer at all


class BadValue(ValueError):
    """The cell cannot be stored: the row is dead. The message is a clause without the field's name."""


class DropRow(Exception):
    """The cell says that the row is not wanted: it is skipped. The message is a clause without the field's name."""


def is_null(cell: object) -> bool:
    """Whether the cell is missing, None, NaN, NaT or NA."""
    if cell is None or cell is MISSING:
        return True
    if isinstance(cell, float):
        return cell != cell
    if isinstance(cell, str | bytes | int | list | tuple | dict | np.ndarray):
        return False
    return normal(cell) is None


def checked_text(text: str) -> str:
    """The text itself, where PostgreSQL and protobuf can hold it.

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
    """The cell as a short, printable quotation for a reason."""
    if isinstance(cell, str):
        return f'"{printable(cell)}"'
    if not isinstance(cell, int | float | np.generic):
        return f"a {type(cell).__name__}"
    if isinstance(cell, int) and cell.bit_length() > _QUOTED_BITS:
        return "a huge integer"
    return printable(str(normal(cell)))


def printable(text: str) -> str:
    """The beginning of ``text``, with escapes for what would upset a terminal."""
    short = text if len(text) <= _QUOTED_CHARACTERS else text[:_QUOTED_CHARACTERS] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in short)
