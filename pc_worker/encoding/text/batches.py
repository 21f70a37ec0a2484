"""Batches of texts of similar length, within a token budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TokenIds = list[int]
Ids = NDArray[np.int64]  # shape (texts, longest), padded on the right


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBatch:
    """Texts for one pass through a model.

    Attributes:
        texts: In normal form, without the model's prompt.
        query: Whether they are queries, not documents.
        ids: Token ids with the prompt's, shape (texts, longest).
        mask: 1 for a token, 0 for padding; of the same shape.
        pooled: 1 for a token that is part of the vector; differs from ``mask`` where the prompt is not.
    """

    texts: Sequence[str]
    query: bool
    ids: Ids
    mask: Ids
    pooled: Ids

    def halves(self) -> tuple[TokenBatch, TokenBatch]:
        """Return the first and the second half of the texts, each its own batch."""
        middle = len(self.texts) // 2
        return self._part(slice(None, middle)), self._part(slice(middle, None))

    def _part(self, rows: slice) -> TokenBatch:
        return TokenBatch(
            texts=self.texts[rows],
            query=self.query,
            ids=self.ids[rows],
            mask=self.mask[rows],
            pooled=self.pooled[rows],
        )


def token_batches(lengths: Sequence[int], *, tokens_per_batch: int) -> Iterator[list[int]]:
    """Yield the indexes of ``lengths`` in batches of at most ``tokens_per_batch`` tokens with padding.

    Longest first, so that the first batch needs the most memory of all; an item
    longer than the budget is its own batch.

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


def padded(rows: Sequence[TokenIds], *, padding: int, skipped: int = 0) -> tuple[Ids, Ids, Ids]:
    """Return token ids, attention mask and pooling mask of ``rows``, shape (texts, longest) each.

    Args:
        rows: Token ids of each text; the longest comes first.
        padding: Id of the padding token.
        skipped: Tokens at the start of each row that are not pooled.
    """
    ids = np.full((len(rows), len(rows[0])), padding, dtype=np.int64)
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    pooled = mask.copy()
    pooled[:, :skipped] = 0
    return ids, mask, pooled
