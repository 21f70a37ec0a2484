"""Log batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LogBatch:
    """The entries that one transaction appended to a domain's log.

    Attributes:
        epoch: The epoch of the log.
        nonce: Random number that identifies the batch's entry in the hot buffer.
        first: First position.
        last: Last position, inclusive.
        queue_key: Key that authenticates the entry in the hot buffer; None if the epoch has none.
    """

    epoch: UUID
    nonce: int
    first: int
    last: int
    queue_key: bytes | None = field(default=None, repr=False)
