"""Which of several consumers of a subscription gets a row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID

#: Shards of one subscription.
MAX_SHARDS = 128


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``count`` parts of a subscription; the only one if ``count`` is 1."""

    index: int
    count: int


WHOLE = Shard(0, 1)


def shard_of(row_id: UUID, count: int) -> int:
    """Return the shard of a row: the first 4 bytes of the SHA-256 of its UUID, big-endian, modulo ``count``.

    >>> row_id = UUID("00000000-0000-7000-8000-000000000001")
    >>> [shard_of(row_id, count) for count in (1, 2, 3, 128)]
    [0, 0, 0, 114]
    """
    return int.from_bytes(hashlib.sha256(row_id.bytes).digest()[:4], "big") % count
