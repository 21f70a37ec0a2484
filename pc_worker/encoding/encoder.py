"""The encoder: everything that backends have in common; a backend provides the forward step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import cast

import numpy as np

from pc_worker.encoding.models.folder import ModelFolder
from pc_worker.encoding.protocol import ModelIdentity, Span, Vector, Vectors
from pc_worker.encoding.text.batches import TokenBatch, TokenIds, padded, token_batches
from pc_worker.encoding.text.normalise import normalised_text
from pc_worker.encoding.text.passages import split_passages
from pc_worker.encoding.text.tokens import Tokens
from pc_worker.errors import EncodingFailed, ModelUnavailable

PASSAGE_TOKENS = 256
TOKENS_PER_BATCH = 512  # more is no faster on a CPU, and takes more memory
OVERLAP_TOKENS = 32

#: Texts with their tokens to vectors (texts, dim).
Forward = Callable[[TokenBatch], Vectors]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSizes:
    """Sizes of batches and overlaps.

    Attributes:
        tokens_per_batch: Tokens of one batch, padding included; determines peak memory.
        overlap_tokens: Maximum tokens that neighbouring passages share.
    """

    tokens_per_batch: int = TOKENS_PER_BATCH
    overlap_tokens: int = OVERLAP_TOKENS


class ModelEncoder:
    """An ``Encoder`` around a backend's ``Forward``."""

    def __init__(
        self,
        folder: ModelFolder,
        tokens: Tokens,
        forward: Forward,
        *,
        identity: ModelIdentity,
        backend: str,
        sizes: BatchSizes,
    ) -> None:
        self.identity = identity
        self.backend = backend
        self.max_tokens = folder.max_tokens
        self._folder, self._tokens, self._forward, self._sizes = folder, tokens, forward, sizes
        self._truncated, self._seen = 0, 0
        self._counting = Lock()

    @property
    def truncated_texts(self) -> int:
        """Number of distinct texts per call, summed since the start, that were cut to the window."""
        return self._truncated

    @property
    def encoded_tokens(self) -> int:
        """Number of tokens the model has processed since the start, without padding."""
        return self._seen

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return vectors of shape (texts, dim), in order; equal texts (see ``normalised_text``) are encoded once."""
        return self._encode(texts, query=False)

    def encode_query(self, text: str) -> Vector:
        """Return the vector of a search query, shape (dim,), with the model's query prompt."""
        (vector,) = self._encode([text], query=True)
        return cast("Vector", vector)

    def readable_share(self, text: str) -> float:
        """Return the share of a text's letters that the model can read, 0..1, judged by its tokens."""
        return self._tokens.readable_share(normalised_text(text))

    def passages(self, text: str) -> list[Span]:
        """Return the whole text when it fits the window, else overlapping passages that each do."""
        prompt = self._folder.document_prompt
        ((_, cut),) = self._tokens.ids([prompt + text])
        if not cut:
            return [Span(0, len(text))]
        overhead = self._tokens.count([prompt])[0]
        return split_passages(
            text,
            count=self._content_tokens,
            max_tokens=max(1, min(PASSAGE_TOKENS, self.max_tokens) - overhead),
            overlap_tokens=self._sizes.overlap_tokens,
        )

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text as a document, without the window's limit."""
        prompt = self._folder.document_prompt
        return self._tokens.count([prompt + normalised_text(text) for text in texts])

    def _content_tokens(self, texts: Sequence[str]) -> list[int]:
        (special,) = self._tokens.count([""])
        return [tokens - special for tokens in self._tokens.count(texts)]

    def _encode(self, texts: Sequence[str], *, query: bool) -> Vectors:
        prompt = self._folder.query_prompt if query else self._folder.document_prompt
        normalised = [normalised_text(text) for text in texts]
        places = {text: place for place, text in enumerate(dict.fromkeys(normalised))}
        names = list(places)
        rows = self._rows([prompt + text for text in names])
        skipped = 0 if self._folder.prompt_counts else self._tokens.prompt_tokens(prompt)
        distinct = np.empty((len(rows), self.identity.dimension), dtype=np.float32)
        lengths = [len(row) for row in rows]
        for indexes in token_batches(lengths, tokens_per_batch=self._sizes.tokens_per_batch):
            ids, mask, pooled = padded(
                [rows[index] for index in indexes], padding=self._folder.padding, skipped=skipped
            )
            named = [names[index] for index in indexes]
            distinct[indexes] = self._checked(TokenBatch(texts=named, query=query, ids=ids, mask=mask, pooled=pooled))
        return distinct[[places[text] for text in normalised]]

    def _rows(self, texts: Sequence[str]) -> list[TokenIds]:
        cut = list(self._tokens.ids(texts))
        with self._counting:
            self._truncated += sum(truncated for _, truncated in cut)
            self._seen += sum(len(row) for row, _ in cut)
        return [row for row, _ in cut]

    def _checked(self, batch: TokenBatch) -> Vectors:
        if not batch.mask.any(axis=1).all():
            raise EncodingFailed("a text has no token that the model knows: check the text")
        vectors = self._forward(batch)
        if vectors.shape != (len(batch.texts), self.identity.dimension):
            raise ModelUnavailable(
                f"{self._folder.path} returns vectors of shape {vectors.shape}, its configuration "
                f"states {self.identity.dimension} dimensions: copy the model's folder again"
            )
        # Also false if a length is NaN.
        if not np.all(np.abs(np.linalg.norm(vectors, axis=1) - 1) < 1e-3):
            raise EncodingFailed("the model returns no finite vector of length 1 for a text: check the text")
        return vectors
