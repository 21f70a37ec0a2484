"""Vectors for rows: the source's own, one that exists already for the same text, or a new one from the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pc_worker.domains import Record
from pc_worker.encoding import Encoder, encode_isolating, text_hash
from pc_worker.services.parts import Parts
from pc_worker.store.cache import known_vectors
from pc_worker.store.values import Model, PassageVector

Passages = tuple[PassageVector, ...]


@dataclass(slots=True)
class Embedder:
    """Embeds the rows of one chunk; keeps what it made, so that a repeated write encodes nothing twice.

    Attributes:
        texts_encoded: Texts that the model really saw.
        texts_truncated: How many of them were longer than its window.
    """

    parts: Parts
    model: Model
    split_long: bool
    texts_encoded: int = 0
    texts_truncated: int = 0
    _made: dict[bytes, NDArray[np.float32] | Exception] = field(default_factory=dict)

    def embed(self, records: Sequence[Record]) -> dict[int, Passages | str]:
        """Give each row's passages by row number, or the reason why its text cannot be encoded."""
        result: dict[int, Passages | str] = {
            record.row_no: (PassageVector(0, 0, None, record.vector),)
            for record in records
            if record.vector is not None
        }
        texts = {record.row_no: record.text for record in records if record.text is not None}
        if texts:
            result.update(self._embed_texts(texts))
        return result

    def _embed_texts(self, texts: dict[int, str]) -> dict[int, Passages | str]:
        encoder = self.parts.encoder(self.model)
        spans = {row: self._spans(encoder, text) for row, text in texts.items()}
        pieces = {
            row: [(start, end, texts[row][start:end]) for start, end in row_spans] for row, row_spans in spans.items()
        }
        hashed = {piece: text_hash(piece) for row in pieces.values() for _, _, piece in row}
        self._make(encoder, hashed)
        return {row: self._row(row_pieces, hashed) for row, row_pieces in pieces.items()}

    def _spans(self, encoder: Encoder, text: str) -> list[tuple[int, int]]:
        if not self.split_long:
            return [(0, len(text))]
        return [(span.start, span.end) for span in encoder.passages(text)]

    def _make(self, encoder: Encoder, hashed: dict[str, bytes]) -> None:
        wanted = {digest: piece for piece, digest in hashed.items() if digest not in self._made}
        with self.parts.database.transaction() as cursor:
            self._made.update(known_vectors(cursor, model_id=self.model.model_id, hashes=wanted))
        new = [(digest, piece) for digest, piece in wanted.items() if digest not in self._made]
        self.texts_encoded += len(new)
        truncated = encoder.truncated_texts
        vectors = encode_isolating(encoder, [piece for _, piece in new])
        self.texts_truncated += encoder.truncated_texts - truncated
        self._made.update((digest, vector) for (digest, _), vector in zip(new, vectors, strict=True))

    def _row(self, pieces: Sequence[tuple[int, int, str]], hashed: dict[str, bytes]) -> Passages | str:
        passages = []
        for start, end, piece in pieces:
            vector = self._made[hashed[piece]]
            if isinstance(vector, Exception):
                return f"the text cannot be encoded: {vector}"
            passages.append(PassageVector(start, end, hashed[piece], vector))
        return tuple(passages)
