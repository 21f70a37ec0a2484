"""Tables in pickles: the shapes of the index's parts, and their rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from pc_worker.reader.cells.normal import label_text
from pc_worker.reader.cells.values import MISSING
from pc_worker.reader.errors import broken, not_a_table, over_limit
from pc_worker.reader.files.source import Source
from pc_worker.reader.formats.base import Index, Indexed, Opening, TableFormat
from pc_worker.reader.index.build import index_pickles
from pc_worker.reader.index.layout import OF_PICKLES, Layout
from pc_worker.reader.index.sidecar import ColumnNote
from pc_worker.reader.index.store import Store
from pc_worker.reader.kinds import judge_columns
from pc_worker.reader.limits import Limits
from pc_worker.reader.pickle.shapes.columns import RangeNumbers, Reader
from pc_worker.reader.pickle.shapes.frames import Shape, shape_of
from pc_worker.reader.table import dict_cells


class PickledRows:
    """The rows of a file of pickles: of one table, or of several one after another.

    Args:
        source: The (decompressed) file; closed with this.
        layout: Its index.
        limits: The budgets.

    Raises:
        Rejected: If the file's skeleton is no table.
    """

    def __init__(self, source: Source, layout: Layout, limits: Limits) -> None:
        self._source, self._store = source, Store(source, layout)
        self._shapes = self._found(layout, limits)
        self._ends: list[int] = []
        for shape in self._shapes:
            self._ends.append(shape.rows + (self._ends[-1] if self._ends else 0))
        self.rows = self._ends[-1]
        self.container = self._shapes[0].container if layout.rows is None else "stream of dicts"
        if len(self._shapes) > 1:
            of_rows = any(shape.dicts is not None and shape.dicts.part == OF_PICKLES for shape in self._shapes)
            self.container = "rows and tables" if of_rows else f"{len(self._shapes)} pickles: {self.container}"
        self.protocol: int | None = layout.protocol
        self.names = tuple(dict.fromkeys(name for shape in self._shapes for name in _names(shape)))
        self.numbered = _numbered(self._shapes[0])
        if self.rows > max(limits.rows_free, limits.rows_per_byte * source.size):
            raise over_limit(f"the table claims {self.rows} rows in {source.size} bytes")
        if self.rows > limits.rows or len(self.names) > limits.columns:
            raise over_limit(f"the table has {self.rows} rows and {len(self.names)} columns")

        self.writer: str | None = writer_of(layout.names)

    def stored_bytes(self) -> dict[str, int]:
        """Return about how many bytes of the file each column takes; rows that are dicts are not distinguished."""
        sizes = dict.fromkeys(self.names, 0)
        for shape in self._shapes:
            for name, reader in shape.columns.items():
                sizes[name] += reader.stored_bytes()
        return sizes

    def _found(self, layout: Layout, limits: Limits) -> list[Shape]:
        if layout.rows is not None:
            return [Shape("dicts", len(layout.rows), {}, layout.rows, layout.rows.keys)]
        if not layout.parts:
            raise not_a_table("the file is empty")
        return [shape_of(self._store, part.tree, limits) for part in layout.parts if part.tree is not None]

    def prove(self) -> None:
        """Check once what the walk over the opcodes cannot see.

        Raises:
            Rejected: If a column is damaged.
        """
        for shape in self._shapes:
            for reader in shape.columns.values():
                reader.prove()

    def notes(self) -> tuple[ColumnNote, ...]:
        """Return the columns with their kinds; looks at a sample of the rows."""
        known = {name: kind for name in self.names if (kind := self._kind(name)) is not None}
        known.update(judge_columns(tuple(name for name in self.names if name not in known), self.rows, self.read))
        return tuple(ColumnNote(name, *known[name]) for name in self.names)

    def _kind(self, name: str) -> tuple[str, int | None] | None:
        """Return the kind of a column if its type determines it."""
        reader = self._shapes[0].columns.get(name) if len(self._shapes) == 1 else None
        return None if reader is None or reader.kind == "mixed" else (reader.kind, reader.dimension)

    def read(self, start: int, stop: int, columns: Sequence[str]) -> dict[str, Sequence[object]]:
        """Return the cells of rows ``start`` up to ``stop`` of the named columns."""
        if len(self._shapes) == 1:
            return self._read_shape(self._shapes[0], start, stop, columns)
        cells: dict[str, list[object]] = {name: [] for name in columns}
        place = bisect_right(self._ends, start)
        while start < stop:
            shape, end = self._shapes[place], self._ends[place]
            first = end - shape.rows
            piece = self._read_shape(shape, start - first, min(stop, end) - first, columns)
            for name in columns:
                cells[name] += piece[name]
            start, place = end, place + 1
        return dict(cells)

    def _read_shape(self, shape: Shape, start: int, stop: int, columns: Sequence[str]) -> dict[str, Sequence[object]]:
        if shape.dicts is not None:
            self._source.expect([self._store.cells.extent(shape.dicts, start, stop)])
            return dict_cells(self._store.items(shape.dicts, start, stop), columns)
        absent = [MISSING] * (stop - start)
        readers: dict[str, Reader] = shape.columns
        self._source.expect(
            extent for name in columns if name in readers for extent in readers[name].extents(start, stop)
        )
        return {name: readers[name].read(start, stop) if name in readers else absent for name in columns}

    def close(self) -> None:
        """Close the descriptor."""
        self._source.close()


def writer_of(names: Sequence[str]) -> str | None:
    """Return a guess at what wrote a file that mentions ``names``."""
    of = {name.rpartition(".")[0] for name in names}
    numpy = "numpy 2" if any(module.startswith("numpy._core") for module in of) else None
    numpy = "numpy 1" if any(module.startswith("numpy.core") for module in of) else numpy
    pandas = None
    if any(module.startswith("pandas") for module in of):
        pandas = "pandas 2" if numpy == "numpy 2" else "pandas 1 or 2"
        pandas = "pandas 3" if "pandas.DataFrame" in names or "pandas.Series" in names else pandas
        pandas = "pandas 1" if "pandas.core.indexes.numeric" in of else pandas
        pandas = "pandas before 1.4" if _is_former(names) else pandas
    return " with ".join(part for part in (pandas, numpy) if part) or None


def _is_former(names: Sequence[str]) -> bool:
    """Return whether blocks are placed and no later pandas' function makes them."""
    return any(name.endswith("__.slice") or name == "builtins.slice" for name in names) and not (
        {"pandas._libs.internals._unpickle_block", "pandas.DataFrame", "pandas.Series"} & {*names}
    )


def _numbered(shape: Shape) -> frozenset[str]:
    if shape.container == "dict of columns":  # has no index: a RangeIndex in it is a column like the others
        return frozenset()
    return frozenset(name for name, reader in shape.columns.items() if isinstance(reader, RangeNumbers))


def _names(shape: Shape) -> Sequence[Any]:
    if shape.dicts is not None:
        return tuple(dict.fromkeys(label_text(key) for key in shape.keys))
    return tuple(shape.columns)


def _index(opening: Opening) -> Indexed:
    layout = index_pickles(opening.content, opening.limits)
    try:
        rows = PickledRows(opening.content, layout, opening.limits)
        rows.prove()
        return Indexed(Index(layout), rows, rows.notes())
    # What numpy or Python itself refuses about how the parts fit is a broken file.
    except (TypeError, ValueError, OverflowError, ArithmeticError, LookupError, AttributeError) as error:
        reason = "the table's columns, index and arrays do not fit together"
        raise broken(f"{reason}: load the file with pandas, and save it again") from error


def _open(opening: Opening, index: Index) -> PickledRows:
    return PickledRows(opening.content, index.layout, opening.limits)


FORMAT = TableFormat(_index, _open)
