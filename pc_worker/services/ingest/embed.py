"""Vectors for rows: the source's own, one that exists already for the same text, or a new one from the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from pc_worker.domains import Record
from pc_worker.encoding import Encoder, encode_isolating, text_hash
from pc_worker.metrics import line as metrics
from pc_worker.model import Model, PassageVector
from pc_worker.services.dependencies import Services
from pc_worker.store.rows.vectors import known_vectors

Passages = tuple[PassageVector, ...]
#: Start and end in the row's text, in characters, and what stands there.
Piece = tuple[int, int, str]

#: Texts that the model is given at once, in whole rows: few, for a large model may take a second for each; with fewer,
#: short ones would be encoded more slowly (with 128 by 4 %, with 64 by 9 %, measured against all at once).
GROUP = 128


class OutOfTime(Exception):
    """The time is up before row ``row_no``; all rows before it are embedded, and remembered."""

    def __init__(self, row_no: int) -> None:
        super().__init__(f"there was no time to embed row {row_no}")
        self.row_no = row_no


@dataclass(slots=True)
class Embedder:
    """Embeds the rows of one chunk; keeps what it made, so that a repeated write encodes nothing twice.

    Attributes:
        texts_encoded: Texts that the model really saw.
        texts_truncated: How many of them were longer than its window.
        texts_known: Texts whose vectors existed already.
        tokens: Tokens that the model really saw.
        seconds: How long it was at work.
        patience_s: How long it may be at work before it begins no further group of rows.
        loading: How long it took to load, which only a process's first texts wait for.
    """

    services: Services
    model: Model
    split_long: bool
    texts_encoded: int = 0
    texts_truncated: int = 0
    texts_known: int = 0
    tokens: int = 0
    seconds: float = 0.0
    loading: float = 0.0
    patience_s: float = inf
    _made: dict[bytes, NDArray[np.float32] | Exception] = field(default_factory=dict)

    def embed(self, records: Sequence[Record]) -> dict[int, Passages | str]:
        """Give each row's passages by row number, or the reason why its text cannot be encoded.

        Raises:
            OutOfTime: If its patience ended before the last row; the first rows are always done.
        """
        result: dict[int, Passages | str] = {
            record.row_no: (PassageVector(0, 0, None, record.vector),)
            for record in records
            if record.vector is not None
        }
        texts = {record.row_no: record.text for record in records if record.text is not None}
        if texts:
            result.update(self._embed_texts(texts))
        return result

    def take_loading(self) -> float:
        """Give the seconds that loading took since this was last asked."""
        seconds, self.loading = self.loading, 0.0
        return seconds

    def count(self, domain: str) -> None:
        """Hand what was counted to Prometheus; once, when all is embedded."""
        metrics.TEXTS_ENCODED.labels(domain=domain).inc(self.texts_encoded)
        metrics.TEXTS_TRUNCATED.labels(domain=domain).inc(self.texts_truncated)
        metrics.TOKENS.labels(domain=domain).inc(self.tokens)
        metrics.ENCODER_SECONDS.labels(domain=domain).inc(self.seconds)
        metrics.CACHE.labels(domain=domain, result="hit").inc(self.texts_known)
        metrics.CACHE.labels(domain=domain, result="miss").inc(self.texts_encoded)

    def _embed_texts(self, texts: dict[int, str]) -> dict[int, Passages | str]:
        began = perf_counter()
        encoder = self.services.encoder(self.model)
        self.loading += perf_counter() - began
        result: dict[int, Passages | str] = {}
        for rows in self._groups(encoder, texts):
            hashed = {piece: text_hash(piece) for pieces in rows.values() for _, _, piece in pieces}
            wanted = self._unknown(hashed)
            if wanted and result and self.seconds >= self.patience_s:
                raise OutOfTime(next(iter(rows)))
            self._make(encoder, wanted)
            result.update((row, self._row(pieces, hashed)) for row, pieces in rows.items())
        return result

    def _groups(self, encoder: Encoder, texts: dict[int, str]) -> Iterator[dict[int, list[Piece]]]:
        """Give rows with their pieces, as many at once as make a group."""
        group: dict[int, list[Piece]] = {}
        count = 0
        for row, text in texts.items():
            group[row] = [(start, end, text[start:end]) for start, end in self._spans(encoder, text)]
            count += len(group[row])
            if count >= GROUP:
                yield group
                group, count = {}, 0
        if group:
            yield group

    def _spans(self, encoder: Encoder, text: str) -> list[tuple[int, int]]:
        if not self.split_long:
            return [(0, len(text))]
        return [(span.start, span.end) for span in encoder.passages(text)]

    def _unknown(self, hashed: dict[str, bytes]) -> dict[bytes, str]:
        """Give the texts that have no vector yet, by their hash; those that have one are remembered."""
        wanted = {digest: piece for piece, digest in hashed.items() if digest not in self._made}
        with self.services.database.transaction() as cursor:
            self._made.update(known_vectors(cursor, model_id=self.model.model_id, hashes=wanted))
        new = {digest: piece for digest, piece in wanted.items() if digest not in self._made}
        self.texts_known += len(wanted) - len(new)
        return new

    def _make(self, encoder: Encoder, new: dict[bytes, str]) -> None:
        self.texts_encoded += len(new)
        truncated, tokens, began = encoder.truncated_texts, encoder.encoded_tokens, perf_counter()
        vectors = encode_isolating(encoder, list(new.values()))
        self.texts_truncated += encoder.truncated_texts - truncated
        self.tokens += encoder.encoded_tokens - tokens
        self.seconds += perf_counter() - began
        self._made.update(zip(new, vectors, strict=True))

    def _row(self, pieces: Sequence[Piece], hashed: dict[str, bytes]) -> Passages | str:
        passages = []
        for start, end, piece in pieces:
            vector = self._made[hashed[piece]]
            if isinstance(vector, Exception):
                return f"the text cannot be encoded: {vector}"
            passages.append(PassageVector(start, end, hashed[piece], vector))
        return tuple(passages)
