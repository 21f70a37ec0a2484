"""PostgreSQL's binary COPY format: encode values as fields, and rows as a stream that the server reads meanwhile.

Facts: https://www.postgresql.org/docs/current/sql-copy.html (file format) and each type's ``recv`` function;
``vector`` is int16 dimension, int16 zero, then big-endian float4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, pairwise
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from psycopg2 import Error

from pc_worker.store.db.connection import Cursor

HEADER = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)
SIZE = struct.Struct(">i")
NULL = struct.pack(">i", -1)
INT4_OID = 23
ARRAY = struct.Struct(">iiiii")
NO_ITEMS = struct.pack(">iii", 0, 0, INT4_OID)
ARRAY_ITEM = np.dtype([("size", ">i4"), ("value", ">i4")])

#: Bytes of a block that is sent at once: the server stores one while the next is encoded.
BLOCK_BYTES = 32_768

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


def fields(values: Iterable[Field]) -> bytes:
    """Return fields as a row has them: each with its size before it."""
    size_of = SIZE.pack
    return b"".join([NULL if value is None else size_of(len(value)) + value for value in values])


def copy_rows(
    cursor: Cursor, table: str, columns: Sequence[str], rows: Iterable[Iterable[Field]], *, equal: Sequence[Field] = ()
) -> None:
    """Copy ``rows`` into ``table``; table and column names are constants, never input.

    ``equal`` are the fields of the first columns, with which every row begins.
    """
    copy_encoded(cursor, table, columns, map(fields, rows), equal=equal)


def copy_encoded(
    cursor: Cursor, table: str, columns: Sequence[str], rows: Iterable[bytes], *, equal: Sequence[Field] = ()
) -> None:
    """Copy rows whose other fields are encoded already, as :func:`fields` encodes them.

    Rows are taken from ``rows`` while the server stores those before them. An error of theirs is raised as it is, and
    nothing is stored.
    """
    source = _Source(_blocks(struct.pack(">h", len(columns)) + fields(equal), rows))
    try:
        cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)", source)
    except Error:
        if source.failure is not None:
            raise source.failure from None
        raise


def _blocks(head: bytes, rows: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the header, each row after ``head``, and the trailer, in blocks of about BLOCK_BYTES."""
    parts, size = [HEADER], 0
    for row in rows:
        parts += (head, row)
        size += len(row)
        if size >= BLOCK_BYTES:
            yield b"".join(parts)
            parts, size = [], 0
    yield b"".join([*parts, TRAILER])


class _Source:
    """What the driver reads the blocks from; it passes on a block of any size."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self.failure: BaseException | None = None

    def read(self, _size: int = -1, /) -> bytes:
        """Return the next block, or nothing at the end; the driver's size is a proposal."""
        try:
            return next(self._blocks, b"")
        except BaseException as exc:  # also Ctrl-C
            # The driver would report it to the server and raise the server's answer instead.
            self.failure = exc
            raise

    readline = read  # asked for by the driver's types, never called
