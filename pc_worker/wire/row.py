"""The wire form of one row: its protobuf message, joined from stored bytes without decoding them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import msgspec
from google.protobuf.message import Message

from pc_worker.wire.generated import embedding_stream_pb2 as pb

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

LENGTH_DELIMITED = 2
VARINT = 0


@dataclass(frozen=True, slots=True)
class RowType:
    """How the rows of a domain are sent.

    Attributes:
        number: The field number in ``RowChunk.chunk_data``.
        row: The message type of a row.
        id_field: The field of the row's UUID; None if it has none.
        vector_field: The field number of the vector, or of the passages.
    """

    number: int
    row: type[Message]
    id_field: str | None
    vector_field: int


#: The rows of stock domains have one vector; a document has passages.
ROW_TYPES: Mapping[str, RowType] = {
    "recruit": RowType(1, pb.RecruitRow, "id", 11),
    "candidate": RowType(2, pb.CandidateRow, "candidate_id", 6),
    "skill_dic": RowType(3, pb.SkillEmbeddingDicRow, None, 3),
    "document": RowType(4, pb.DocumentRow, "id", 5),
}


class WirePassage(NamedTuple):
    """A passage of a row's text, ``start`` to ``end`` in characters, and its vector as little-endian float32."""

    start: int
    end: int
    vector: bytes


def row_type_of(domain: str) -> str:
    """Return the row type of ``domain``: its own for the three stock domains, else ``document``."""
    return domain if domain in ROW_TYPES else "document"


def varint(number: int) -> bytes:
    """Encode a number ≥ 0 as a protobuf varint."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


@lru_cache(maxsize=8192)
def prefix(field: int, length: int) -> bytes:
    """Return tag and length of a length-delimited field. Cached: the rows of a domain have similar lengths."""
    return varint(field << 3 | LENGTH_DELIMITED) + varint(length)


def tagged(field: int, content: bytes) -> bytes:
    """Encode a length-delimited field with its tag."""
    return prefix(field, len(content)) + content


def row_head(row_type: str, *, row_id: str, key: str, source: str, payload: Mapping[str, Json]) -> bytes:
    """Serialise a row without its vectors and model: what the store keeps as ``rows.wire``.

    A payload value of None leaves its field unset; payload fields that the message type lacks are left out.
    Stock rows have neither ``key`` nor ``source``.

    Raises:
        TypeError, ValueError: If a value is not of its field's type; cleaning ensures that.
    """
    row = ROW_TYPES[row_type].row
    if row_type == "document":
        text = msgspec.json.encode(payload).decode()
        return row(id=row_id, key=key, source=source, payload_json=text).SerializeToString()
    fields = {name: value for name in row.DESCRIPTOR.fields_by_name if (value := payload.get(name)) is not None}
    if (id_field := ROW_TYPES[row_type].id_field) is not None:
        fields[id_field] = row_id
    return row(**fields).SerializeToString()


def row_message(row_type: str, head: bytes, passages: Sequence[tuple[int, int, bytes]], model: str) -> bytes:
    """Return the row's whole message: ``head`` and its vectors; in a document also each passage's span, and the model.

    ``passages`` are WirePassages, or equal tuples; ``model`` is ``name@revision``. Appending fields to a serialised
    message is valid protobuf, and several times cheaper than filling message objects with floats.

    Raises:
        ValueError: If a row of a stock domain has not exactly one passage.
    """
    field = ROW_TYPES[row_type].vector_field
    if row_type == "document":
        encoded = [head]
        for start, end, vector in passages:
            encoded += (passage_start(field, start, end, len(vector)), vector)
        encoded.append(model_field(model))
        return b"".join(encoded)
    if len(passages) != 1:
        raise ValueError(f"a {row_type} row has one vector, not {len(passages)}")
    _, _, vector = passages[0]
    return b"".join((head, prefix(field, len(vector)), vector))


@lru_cache(maxsize=8192)
def passage_start(field: int, start: int, end: int, vector_bytes: int) -> bytes:
    """Encode a document's passage up to its vector's bytes; zeros are left out, as by protobuf's own serialiser."""
    place = varint(1 << 3 | VARINT) + varint(start) if start else b""
    place += varint(2 << 3 | VARINT) + varint(end) if end else b""
    place += prefix(3, vector_bytes)
    return prefix(field, len(place) + vector_bytes) + place


@lru_cache(maxsize=64)
def model_field(model: str) -> bytes:
    """Encode the model (name@revision) of a document's vectors."""
    return tagged(pb.DocumentRow.MODEL_FIELD_NUMBER, model.encode())
