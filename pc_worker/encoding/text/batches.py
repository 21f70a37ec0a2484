"""Batches of texts of similar length, within a token budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

TokenIds = list[int]
Ids = NDArray[np.int64]  # shape (texts, longest), padded on the right


def token_batches(lengths: Sequence[int], *, tokens_per_batch: int) -> Iterator[list[int]]:
    """Yield the indexes of ``lengths`` in batches of at most ``tokens_per_batch`` tokens with padding.

    Longest first, so that the first batch needs the most memory of all; an item
    longer than the budget is a batch of its own.

    >>> list(token_batches([2, 9, 3, 3], tokens_per_batch=6))
    [[1], [2, 3], [0]]
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > tokens_per_batch:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def padded(rows: Sequence[TokenIds], *, padding: int) -> tuple[Ids, Ids]:
    """Return token ids and attention mask of ``rows``, shape (texts, longest) each; the longest row comes first."""
    ids = np.full((len(rows), len(rows[0])), padding, dtype=np.int64)
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return ids, mask
