"""Recognise rows that are stored already by the cells of their source: unchanged rows are neither parsed nor cleaned.

The hash of a row's cells covers all that its content is made of: the cells, how the job reads them, and the code that
cleans them. It is stored with the row, next to the beginning of the content hash that was written with it: a version
that does not know the hash changes the content only, and the two no longer fit. Recognised rows are checked again under
their locks. If one has changed meanwhile, the whole chunk is cleaned.
"""

from __future__ import annotations

import functools
import io
import json
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import numpy as np
from blake3 import blake3

import pc_worker
from pc_worker.domains import BatchView, ColumnMapping, Domain
from pc_worker.model import StoredRow

#: Bytes of the hash of the cells, and of the content hash behind it.
CELLS_BYTES, CONTENT_BYTES = 16, 8
#: Kinds of arrays whose type has no more to it than its name; records have their own names.
PLAIN_KINDS = "biufcSUmMO"
#: The packages whose code decides what a row's content is.
CODE = ("reader", "domains")


class SameRowChanged(Exception):
    """A row that was recognised as unchanged has changed, or was forgotten, before it was locked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRows:
    """What was found out about a chunk's rows before cleaning.

    Attributes:
        cells: The hash of each row's cells, by row number; none if the cells cannot be compared.
        same: The rows with unchanged cells: the hash of their cells by row id.
        numbers: The numbers of those rows.
    """

    cells: Mapping[int, bytes] = field(default_factory=dict)
    same: Mapping[UUID, bytes] = field(default_factory=dict)
    numbers: frozenset[int] = frozenset()


def cell_hashes(domain: Domain, mapping: ColumnMapping, batch: BatchView) -> dict[int, bytes]:
    """Return the hash of each row's cells by row number; none for cells that have no stable form."""
    columns = batch.columns
    if not all(isinstance(cells, list | tuple | np.ndarray) for cells in columns.values()):
        return {}  # the rows have their own columns: all columns of each would be too many
    start = blake3(_recipe(domain, mapping, tuple(columns)))
    try:
        rows = zip(*map(_plain_cells, columns.values()), strict=True)
        return dict(enumerate(_digests(start, rows), batch.start))
    except (pickle.PicklingError, TypeError, ValueError, AttributeError, RecursionError):
        return {}


def _plain_cells(cells: Sequence[object]) -> Sequence[object]:
    """Return the cells with the parts of each array in its place, which are written several times as fast."""
    if not isinstance(cells, np.ndarray) and np.ndarray not in set(map(type, cells)):
        return cells
    return [_parts(cell) if isinstance(cell, np.ndarray) else cell for cell in cells]


def _parts(array: np.ndarray) -> object:
    if array.dtype.kind not in PLAIN_KINDS:
        return array
    content = array.tolist() if array.dtype.hasobject else array.tobytes()
    return ..., array.dtype.str, array.shape, content  # no cell has an ellipsis


def _digests(start: blake3, rows: Iterable[tuple[object, ...]]) -> Iterator[bytes]:
    """Yield the hash of each row; its cells are only written in this form, never read."""
    memory = io.BytesIO()
    pickler = pickle.Pickler(memory, protocol=5)
    pickler.fast = True  # without memo: equal cells have equal bytes, whichever objects they share
    for cells in rows:
        memory.seek(0)
        pickler.dump(cells)
        state = start.copy()
        with memory.getbuffer() as data:
            state.update(data[: memory.tell()])
        yield state.digest(CELLS_BYTES)


def _recipe(domain: Domain, mapping: ColumnMapping, columns: tuple[str, ...]) -> bytes:
    """Return all besides the cells that a row's content is made of."""
    plan = {name: value for name, value in mapping.to_dict().items() if name not in ("source", "scope")}
    parts = [domain.name, domain.revision, plan, columns, _code()]
    return json.dumps(parts, sort_keys=True).encode("utf-8", "surrogatepass")


@functools.cache
def _code() -> str:
    """Return a digest of the code that reads and cleans rows: of another version, they are cleaned again."""
    package = Path(pc_worker.__file__).parent
    digest = blake3(pc_worker.__version__.encode())
    for path in sorted(path for folder in CODE for path in (package / folder).rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return str(digest.hexdigest())


def stored_hash(cells: bytes | None, content_hash: bytes) -> bytes | None:
    """Return what is stored with a row of these cells and this content."""
    return None if cells is None else cells + content_hash[:CONTENT_BYTES]


def is_same(stored: StoredRow | None, cells: bytes | None, *, seq: int) -> bool:
    """Return whether a stored row has these cells, vectors of the job's model, and is of no later job."""
    if stored is None or cells is None or stored.job_seq > seq or not stored.embedded:
        return False
    return stored.cells_hash == stored_hash(cells, stored.content_hash)


def find_same(
    cells: Mapping[int, bytes], ids: Mapping[int, UUID], stored: Mapping[UUID, StoredRow], *, seq: int
) -> KnownRows:
    """Return which rows have unchanged cells; ``ids`` has the id of each row that has one, by row number."""
    numbers = [n for n, row_id in ids.items() if is_same(stored.get(row_id), cells.get(n), seq=seq)]
    return KnownRows(cells=cells, same={ids[n]: cells[n] for n in numbers}, numbers=frozenset(numbers))


def check_same(same: Mapping[UUID, bytes], stored: Mapping[UUID, StoredRow], *, seq: int) -> None:
    """Check rows that were recognised again, now that they are locked.

    Raises:
        SameRowChanged: If one is no longer what it was.
    """
    if not all(is_same(stored.get(row_id), cells, seq=seq) for row_id, cells in same.items()):
        raise SameRowChanged
