"""The hash of a search term: a positive id, so that each domain has its own posting lists in one index."""

from __future__ import annotations

import hashlib

#: Ids are 1..10⁹: the largest dimension of pgvector's `sparsevec`. Of 10⁵ words, 5 pairs share an id.
DIMENSION = 1_000_000_000


def term_hash(*parts: str) -> int:
    """Return the id of a term, 1..10⁹.

    >>> 1 <= term_hash("law", "clause") <= DIMENSION
    True
    """
    data = "\0".join(parts).encode("utf-8", "surrogatepass")
    return 1 + int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big") % DIMENSION
