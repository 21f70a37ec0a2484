"""The protocols of a table that this package reads: its columns, and the cells of a batch of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from pc_worker.reader import Json


class ColumnView(Protocol):
    """One column of the source, as the reader describes it."""

    @property
    def name(self) -> str:
        """The column's label in normal form."""

    @property
    def kind(self) -> str:
        """The reader's kind, such as ``text``, ``int`` or ``vector``."""

    @property
    def dimension(self) -> int | None:
        """Numbers in each cell of a ``vector`` column, else None."""


class BatchView(Protocol):
    """Consecutive rows of the source; row ``i`` of the batch is row ``start + i`` of the source."""

    def __len__(self) -> int:
        """Return the number of rows."""

    @property
    def start(self) -> int:
        """The number, in the source, of the first row."""

    @property
    def columns(self) -> Mapping[str, Sequence[object]]:
        """The cells, by column name."""

    def normal_row(self, i: int) -> dict[str, Json]:
        """Return row ``i`` of the batch as a JSON object."""
