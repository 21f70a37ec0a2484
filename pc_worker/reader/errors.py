"""What the reader raises: one error for files it will not read, one for files that change while read."""

from __future__ import annotations

from typing import Literal

Kind = Literal["unsafe", "broken", "not a table", "over a limit"]


class Rejected(Exception):
    """A file that is not read: it is unsafe, broken, not a table, or over a limit; trying again changes nothing.

    Attributes:
        kind: Which of the four it is.
        reason: What was found and what to do, one sentence without a full stop.
        offset: Byte offset in the (decompressed) file, where known.
        column: The column's label, where known.
        row: The row's number from 0, where known.
    """

    def __init__(
        self,
        kind: Kind,
        reason: str,
        offset: int | None = None,
        column: str | None = None,
        row: int | None = None,
    ) -> None:
        super().__init__(kind, reason, offset, column, row)
        self.kind: Kind = kind
        self.reason = reason
        self.offset = offset
        self.column = column
        self.row = row

    def __str__(self) -> str:
        """Return one clear line: the kind, the reason and the place."""
        places = (("byte", self.offset), ("column", self.column), ("row", self.row))
        where = ", ".join(f"{name} {value}" for name, value in places if value is not None)
        return f"{self.kind}: {self.reason}" + (f" (at {where})" if where else "")


class NoCell(Rejected):
    """A column of Python objects holds one that is not a cell; code that knows the column's label adds it by ``of``.

    Attributes:
        number: Number of the column in its block.
    """

    def __init__(self, number: int, row: int, what: str, label: str | None = None) -> None:
        where = "a column" if label is None else f"column `{label}`"
        reason = f"{where}, row {row} holds a `{what}`; keep plain values, lists and dicts in cells"
        super().__init__("not a table", reason, None, label, row)
        self.number, self.what = number, what

    def __str__(self) -> str:
        """Return one clear line; the reason names the place."""
        return f"{self.kind}: {self.reason}"

    def of(self, label: str) -> NoCell:
        """Return the same, for the column of this label."""
        return NoCell(self.number, self.row or 0, self.what, label)


class SourceChanged(Exception):
    """The file is no longer the one that was indexed: ingest it again as a new job."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        """Return one clear line naming the file."""
        return f"{self.path} changed while it was read ({self.reason}); ingest it again"


def broken(reason: str, offset: int | None = None) -> Rejected:
    """Return the error for a stream that no correct writer produces."""
    return Rejected("broken", reason, offset)


def unsafe(reason: str, offset: int | None = None) -> Rejected:
    """Return the error for something that would run code, or that hides what it does."""
    return Rejected("unsafe", reason, offset)


def over_limit(reason: str, offset: int | None = None) -> Rejected:
    """Return an error because a budget is spent."""
    return Rejected("over a limit", reason, offset)


def not_a_table(reason: str) -> Rejected:
    """Return the error for a well-formed file whose content is no table."""
    return Rejected("not a table", reason)
