"""What the store is given and gives back, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

if TYPE_CHECKING:  # only types: whoever reads the ledger loads neither numpy nor stemmers
    import numpy as np
    from numpy.typing import NDArray

JobState = Literal["queued", "splitting", "running", "completed", "partial", "failed", "cancelled"]

#: Rows of a chunk if the caller names no number, for ingest and for the streams.
DEFAULT_CHUNK_ROWS = 300
#: Most rows of a chunk that a caller may ask for.
MAX_CHUNK_ROWS = 1000

OPEN_STATES: tuple[JobState, ...] = ("queued", "splitting", "running")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model as it is registered; ``encodable`` = we can make vectors with it."""

    model_id: int
    name: str
    revision: str
    dimension: int
    normalised: bool
    encodable: bool
    location: str = ""

    @property
    def label(self) -> str:
        """Its name on the wire."""
        return f"{self.name}@{self.revision}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One ingest of a source into a domain, as the ledger has it."""

    job_id: str
    seq: int | None
    domain: str
    source: str
    request: dict[str, Any]
    plan: dict[str, Any] | None
    fingerprint: dict[str, Any] | None
    model_id: int | None
    state: JobState
    max_dead: int
    rows_total: int
    rows_written: int
    rows_unchanged: int
    rows_skipped: int
    rows_dead: int
    texts_encoded: int
    chunks_total: int
    chunks_done: int
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSpec:
    """A chunk as the split lays it down; ``superseded`` rows lose to a later row of the same key."""

    chunk_no: int
    first_row: int
    row_count: int
    superseded: list[int]
    occurrences: dict[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write one chunk, until a newer attempt takes it."""

    job: Job
    chunk_no: int
    first_row: int
    row_count: int
    superseded: frozenset[int]
    occurrences: dict[int, int]
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """What the store knows of a row that comes again."""

    job_seq: int
    content_hash: bytes
    embedded: bool


@dataclass(frozen=True, slots=True)
class RowTerms:
    """What search needs of a row.

    Attributes:
        ids: Sorted and unique, -10⁹..10⁹: facets below zero, words above.
        counts: How often each word (the ids above zero, in their order) occurs.
        length: Occurrences of all words, also of those beyond the 16,000 kept.
    """

    ids: list[int]
    counts: list[int]
    length: int


@dataclass(frozen=True, slots=True)
class PassageVector:
    """A passage's place in the text (characters, end exclusive), the hash of its text, and its vector."""

    start: int
    end: int
    text_hash: bytes | None
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWrite:
    """One row as it is to be stored."""

    row_no: int
    row_id: UUID
    key: str
    payload_json: str
    text: str | None
    content_hash: bytes
    wire: bytes
    terms: RowTerms
    passages: tuple[PassageVector, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A refused row with its reason; ``normal_form`` is JSON text as `rows` prints it."""

    row_no: int
    reason: str
    row_id: UUID | None
    normal_form: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How a set of rows ended."""

    written: int = 0
    unchanged: int = 0
    skipped: int = 0
    dead: int = 0
    texts_encoded: int = 0
    tokens_encoded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Seconds that chunks spent in each stage; ``write`` without the commit itself."""

    read: float = 0.0
    clean: float = 0.0
    embed: float = 0.0
    write: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return self.read + self.clean + self.embed + self.write


@dataclass(frozen=True, slots=True, kw_only=True)
class LogBatch:
    """A stretch of the log that was committed together; positions inclusive, ``queue_key`` seals its queue entry."""

    epoch: UUID
    nonce: int
    first: int
    last: int
    queue_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOutcome:
    """What one transaction did."""

    tally: Tally
    log_batch: LogBatch | None = None
    job_finished: bool = False
