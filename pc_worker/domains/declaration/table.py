"""What this station needs to see of a table: its columns, and the cells of a batch of rows."""

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
        """The reader's kind: ``text``, ``int``, ``vector``, …"""

    @property
    def dimension(self) -> int | None:
        """Numbers in each cell of a ``vector`` column, else None."""


class BatchView(Protocol):
    """Consecutive rows of the source; row ``i`` of the batch is row ``start + i`` of the source."""

    def __len__(self) -> int:
        """How many rows."""

    @property
    def start(self) -> int:
        """The source's row number of the first row."""

    @property
    def columns(self) -> Mapping[str, Sequence[object]]:
        """The cells, by column name."""

    def normal_row(self, i: int) -> dict[str, Json]:
        """Row ``i`` of the batch as a JSON object."""
