"""PostgreSQL's binary COPY format: values to bytes, rows to one buffer.

Facts: https://www.postgresql.org/docs/current/sql-copy.html (file format) and each type's ``recv`` function;
``vector`` is int16 dimension, int16 zero, then big-endian float4.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from pc_worker.store.connection import Cursor

HEADER = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)
NULL = struct.pack(">i", -1)
INT4_OID = 23
ARRAY_ITEM = np.dtype([("size", ">i4"), ("value", ">i4")])

Field = bytes | None


def text(value: str | None) -> Field:
    """Text, varchar, json."""
    return None if value is None else value.encode()


def jsonb(value: str) -> Field:
    """Jsonb from JSON text: a version byte, then the text."""
    return b"\x01" + value.encode()


def int2(value: int) -> Field:
    """Smallint."""
    return struct.pack(">h", value)


def int4(value: int) -> Field:
    """Integer."""
    return struct.pack(">i", value)


def int8(value: int) -> Field:
    """Bigint."""
    return struct.pack(">q", value)


def uuid(value: UUID) -> Field:
    """Uuid."""
    return value.bytes


def int4_array(values: Sequence[int]) -> Field:
    """integer[], one dimension from 1."""
    if not values:
        return struct.pack(">iii", 0, 0, INT4_OID)
    items = np.empty(len(values), ARRAY_ITEM)
    items["size"], items["value"] = 4, values
    return struct.pack(">iiiii", 1, 0, INT4_OID, len(values), 1) + items.tobytes()


def vector(value: NDArray[np.float32]) -> Field:
    """Vector of pgvector from a float32 array of shape (dimension,)."""
    return struct.pack(">hh", len(value), 0) + value.astype(">f4").tobytes()


def read_vector(data: bytes | memoryview) -> NDArray[np.float32]:
    """Give the float32 array of what ``vector_send`` returned."""
    return np.frombuffer(data, ">f4", offset=4).astype(np.float32)


def copy_rows(cursor: Cursor, table: str, columns: Sequence[str], rows: Iterable[Sequence[Field]]) -> None:
    """COPY ``rows`` into ``table``; table and column names are ours, never a user's."""
    parts = [HEADER]
    width = struct.pack(">h", len(columns))
    for row in rows:
        parts.append(width)
        for field in row:
            parts.append(NULL if field is None else struct.pack(">i", len(field)))
            if field is not None:
                parts.append(field)
    parts.append(TRAILER)
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)"
    cursor.copy_expert(statement, io.BytesIO(b"".join(parts)))
