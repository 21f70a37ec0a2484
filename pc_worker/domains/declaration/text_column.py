"""Chooses the column to embed if the user named none."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pc_worker.domains.declaration.table import BatchView, ColumnView


def find_text_column(
    columns: Sequence[ColumnView],
    sample: BatchView,
    *,
    preferred: Sequence[str],
    left_out: Collection[str | None],
) -> str | None:
    """Return the first of ``preferred`` that can hold text, else the text column with the longest mean in ``sample``.

    None if no column but those ``left_out``, the key and vectors, holds text.
    """
    textual = [column.name for column in columns if column.name not in left_out and _holds_text(column, sample)]
    empty = [column.name for column in columns if column.kind == "null"]
    named = [name for name in preferred if name in textual or name in empty]
    if named:
        return named[0]
    return max(textual, key=lambda name: _mean_length(sample.columns[name]), default=None)


def _holds_text(column: ColumnView, sample: BatchView) -> bool:
    return column.kind == "text" or any(isinstance(cell, str) for cell in sample.columns[column.name])


def _mean_length(cells: Sequence[object]) -> float:
    # A vector or an object in JSON is longer than prose, but is not prose.
    prose = [cell for cell in cells if isinstance(cell, str) and not cell.startswith(("[", "{"))]
    return sum(map(len, prose)) / max(len(cells), 1)
