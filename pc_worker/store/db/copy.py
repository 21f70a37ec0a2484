"""PostgreSQL's binary COPY format: encode values as fields, and rows as one buffer.

Facts: https://www.postgresql.org/docs/current/sql-copy.html (file format) and each type's ``recv`` function;
``vector`` is int16 dimension, int16 zero, then big-endian float4.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, pairwise
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from pc_worker.store.db.connection import Cursor

HEADER = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)
SIZE = struct.Struct(">i")
NULL = struct.pack(">i", -1)
INT4_OID = 23
ARRAY = struct.Struct(">iiiii")
NO_ITEMS = struct.pack(">iii", 0, 0, INT4_OID)
ARRAY_ITEM = np.dtype([("size", ">i4"), ("value", ">i4")])

Field = bytes | None


def text(value: str | None) -> Field:
    """Encode text, varchar or json."""
    return None if value is None else value.encode()


def jsonb(value: str) -> Field:
    """Encode jsonb from JSON text: a version byte, then the text."""
    return b"\x01" + value.encode()


def int2(value: int) -> Field:
    """Encode smallint."""
    return struct.pack(">h", value)


def int4(value: int) -> Field:
    """Encode integer."""
    return struct.pack(">i", value)


def int8(value: int) -> Field:
    """Encode bigint."""
    return struct.pack(">q", value)


def uuid(value: UUID) -> Field:
    """Encode uuid."""
    return value.bytes


def int4_array(values: Sequence[int]) -> Field:
    """Encode a one-dimensional integer[] with lower bound 1."""
    return int4_arrays([values])[0]


def int4_arrays(arrays: Sequence[Sequence[int]]) -> list[bytes]:
    """Encode several one-dimensional integer[] with lower bound 1."""
    flat = np.fromiter(chain.from_iterable(arrays), np.int64)
    items = np.empty(len(flat), ARRAY_ITEM)
    items["size"], items["value"] = 4, flat
    parts = cut(items.tobytes(), [ARRAY_ITEM.itemsize * len(array) for array in arrays])
    return [(ARRAY.pack(1, 0, INT4_OID, len(part) // 8, 1) if part else NO_ITEMS) + part for part in parts]


def vector(value: NDArray[np.float32]) -> Field:
    """Encode a pgvector `vector` from an array of shape (dimension,)."""
    return vectors(value[np.newaxis])[0]


def vectors(values: NDArray[np.float32]) -> list[bytes]:
    """Encode pgvector `vector` values from an array of shape (n, dimension)."""
    count, dimension = values.shape
    head = struct.pack(">hh", dimension, 0)
    return [head + part for part in cut(values.astype(">f4").tobytes(), [4 * dimension] * count)]


def cut(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    """Cut ``data`` into parts of these sizes in bytes, in order."""
    ends = list(accumulate(sizes, initial=0))
    return [data[start:end] for start, end in pairwise(ends)]


def read_vector(data: bytes | memoryview) -> NDArray[np.float32]:
    """Decode the result of ``vector_send`` to an array of shape (dimension,)."""
    return np.frombuffer(data, ">f4", offset=4).astype(np.float32)


def copy_rows(cursor: Cursor, table: str, columns: Sequence[str], rows: Iterable[Sequence[Field]]) -> None:
    """Copy ``rows`` into ``table``; table and column names are constants, never input."""
    parts = [HEADER]
    width, size_of = struct.pack(">h", len(columns)), SIZE.pack
    for row in rows:
        parts.append(width)
        for field in row:
            if field is None:
                parts.append(NULL)
            else:
                parts += (size_of(len(field)), field)
    parts.append(TRAILER)
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)"
    cursor.copy_expert(statement, io.BytesIO(b"".join(parts)))
