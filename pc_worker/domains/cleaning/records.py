"""The outcome of a row: a record, a skipped row or a dead row; and the hash by which changed records are found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from pc_worker.reader import Json

#: One source vector: shape (dimension,), finite, of non-zero norm.
Vector = NDArray[np.float32]
#: A float is not among them: 1e16 and 1e+16 are the same number.
ONE_FORM = frozenset((str, int, bool, type(None)))


@dataclass(frozen=True, slots=True, eq=False)  # an array has no truth value: compare content_hash()
class Record:
    """A clean row.

    Attributes:
        row_no: Its number in the source, from 0.
        key: Its identity in its domain (and scope).
        payload: Its fields as JSON values, without the vector.
        text: The text to embed; None if the source has the vector.
        vector: The source's vector; None if it is embedded here.
        search_text: The text whose terms are indexed.
    """

    row_no: int
    key: str
    payload: dict[str, Json]
    text: str | None
    vector: Vector | None
    search_text: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that a cleaning rule or a later duplicate drops, with the reason."""

    row_no: int
    reason: str


@dataclass(frozen=True, slots=True)
class Dead:
    """A row that cannot be stored, with the reason: one clause that names the field."""

    row_no: int
    reason: str


CleanedRow = Record | Skipped | Dead


def canonical_json(value: Json) -> bytes:
    """Return the canonical JSON text of ``value``: keys sorted, no blanks, UTF-8.

    Raises:
        ValueError: If it holds an integer beyond the interpreter's digit limit.
        RecursionError: If it is nested too deeply.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # A lone surrogate makes a row dead, but that row needs a key too.
    return text.encode("utf-8", "surrogatepass")


def _payload_bytes(payload: Mapping[str, Json]) -> bytes:
    """Return the canonical JSON text of a payload; without numbers that have several forms, in a third of the time."""
    if all(map(_has_one_form, payload.values())):
        try:
            return msgspec.json.encode(payload, order="sorted")
        except (UnicodeEncodeError, OverflowError):
            pass
    return canonical_json(dict(payload))


def _has_one_form(value: Json) -> bool:
    """Return whether every encoder writes the value equally: a text, an integer, a boolean, null, a list of texts."""
    return type(value) in ONE_FORM or (type(value) is list and set(map(type, value)) <= {str})


def content_hash(record: Record) -> bytes:
    """Return 32 bytes over payload, text and vector: equal content has equal hashes in every run and process."""
    digest = hashlib.blake2b(digest_size=32)
    for part in (_payload_bytes(record.payload), _text_bytes(record.text), _vector_bytes(record.vector)):
        # Lengths separate the parts: text moved from one part to the next is other content.
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def _text_bytes(text: str | None) -> bytes:
    return b"" if text is None else b"t" + text.encode()


def _vector_bytes(vector: Vector | None) -> bytes:
    return b"" if vector is None else vector.astype("<f4", copy=False).tobytes()
