"""Rows: as they are written, as they are stored, and as dead letters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:  # only for annotations: readers of the ledger do not load numpy
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOrigin:
    """Where rows to write come from: source, model, and the number of the job (of two jobs, the later one wins)."""

    domain: str
    source: str
    job_seq: int
    model_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """What is stored of a row that a source contains again; ``embedded`` = it has vectors of the model."""

    job_seq: int
    content_hash: bytes
    embedded: bool
    cells_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class RowTerms:
    """The search terms of a row.

    Attributes:
        ids: Sorted and unique, -10⁹..10⁹: facets are negative, terms of the text positive.
        counts: How often each positive id occurs, in their order; a fraction for one of several spellings.
        length: Occurrences of all terms, including those beyond the 16,000 that are stored.
        fields: The paths of the payload's fields.
    """

    ids: list[int]
    counts: list[float]
    length: int
    fields: frozenset[tuple[str, ...]] = frozenset()


@dataclass(frozen=True, slots=True)
class PassageVector:
    """A passage of a text, its hash and its vector.

    Attributes:
        start: First character.
        end: End in characters, exclusive.
        text_hash: Hash of the passage's text; None if the source provided the vector.
        vector: Array of shape (dimension,).
    """

    start: int
    end: int
    text_hash: bytes | None
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWrite:
    """One row that is to be written.

    ``wire`` is its message without vectors, ``cells_hash`` recognises it in its source before it is cleaned.
    """

    row_no: int
    row_id: UUID
    key: str
    payload_json: str
    text: str | None
    content_hash: bytes
    wire: bytes
    terms: RowTerms
    passages: tuple[PassageVector, ...]
    cells_hash: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A dead row with its reason; ``normal_form`` is JSON text as `rows` prints it, None for an unreadable row."""

    row_no: int
    reason: str
    row_id: UUID | None
    normal_form: str | None
