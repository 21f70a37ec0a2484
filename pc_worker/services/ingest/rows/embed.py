"""Vectors for rows: the source's own, the stored one of the same text, or a new one from the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from pc_worker.domains import Record
from pc_worker.encoding import Encoder, encode_isolating, text_hash
from pc_worker.encoding.remote import EngineEncoder
from pc_worker.errors import BudgetExhausted, Unavailable
from pc_worker.metrics import line as metrics
from pc_worker.model import Model, PassageVector
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.rows.prepare import Passages
from pc_worker.services.ingest.rows.spending import spending_of
from pc_worker.store.rows.vectors import known_vectors

#: A passage's start and end in the row's text, in characters (end exclusive), and its text.
PassageText = tuple[int, int, str]

#: Texts that the model encodes at once, in whole rows. Few, as a large model may need a second for each. Fewer would
#: encode short texts more slowly: 128 costs 4 %, 64 costs 9 %, compared with all at once.
GROUP = 128


class OutOfTime(Exception):
    """The time is up before row ``row_no``; the vectors of all rows before it are kept."""

    def __init__(self, row_no: int) -> None:
        super().__init__(f"there was no time to embed row {row_no}")
        self.row_no = row_no


@dataclass(slots=True)
class Embedder:
    """The encoder of one chunk's rows; it keeps its vectors, so that a repeated write encodes nothing twice.

    Attributes:
        services: This process's shared dependencies.
        model: The model.
        split_long: Split texts into passages that fit the model's window, instead of truncating them.
        texts_encoded: Texts that the model encoded.
        texts_truncated: How many of them were longer than its window.
        texts_known: Texts whose vectors were stored already.
        tokens: Tokens that the model encoded.
        seconds: Seconds of encoding.
        job_id: The job that pays for the tokens of an engine, if any.
        patience_s: Seconds of encoding after which no further group of rows is started.
        loading: Seconds of loading the model, which only a process's first texts need.
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
    job_id: str | None = None
    _vectors: dict[bytes, NDArray[np.float32] | Exception] = field(default_factory=dict)

    def embed(self, records: Sequence[Record]) -> dict[int, Passages | str]:
        """Return each row's passages by row number, or the reason why its text cannot be encoded.

        Raises:
            OutOfTime: If the time is up before the last row; the first group of rows is always encoded.
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
        """Return the seconds of loading since the last call."""
        seconds, self.loading = self.loading, 0.0
        return seconds

    def count(self, domain: str) -> None:
        """Add the counts to Prometheus; call it once, when all is embedded."""
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
            hashed = {text: text_hash(text) for passages in rows.values() for _, _, text in passages}
            wanted = self._unknown(hashed)
            if wanted and result and self.seconds >= self.patience_s:
                raise OutOfTime(next(iter(rows)))
            self._encode_or_keep(encoder, wanted, next(iter(rows)) if result else None)
            result.update((row, self._row(passages, hashed)) for row, passages in rows.items())
        return result

    def _groups(self, encoder: Encoder, texts: dict[int, str]) -> Iterator[dict[int, list[PassageText]]]:
        """Yield groups of rows with the texts of their passages."""
        group: dict[int, list[PassageText]] = {}
        count = 0
        for row, text in texts.items():
            group[row] = [(start, end, text[start:end]) for start, end in self._spans(encoder, text)]
            count += len(group[row])
            if count >= _texts_at_once(encoder):
                yield group
                group, count = {}, 0
        if group:
            yield group

    def _spans(self, encoder: Encoder, text: str) -> list[tuple[int, int]]:
        if not self.split_long:
            return [(0, len(text))]
        return [(span.start, span.end) for span in encoder.passages(text)]

    def _unknown(self, hashed: dict[str, bytes]) -> dict[bytes, str]:
        """Return the texts without a vector by their hash; the stored vectors of the others are kept."""
        wanted = {digest: text for text, digest in hashed.items() if digest not in self._vectors}
        with self.services.database.transaction() as cursor:
            self._vectors.update(known_vectors(cursor, model_id=self.model.model_id, hashes=wanted))
        new = {digest: text for digest, text in wanted.items() if digest not in self._vectors}
        self.texts_known += len(wanted) - len(new)
        return new

    def _encode_or_keep(self, encoder: Encoder, new: dict[bytes, str], row_no: int | None) -> None:
        """Encode texts; if an engine does not answer or the budget is spent, the rows before ``row_no`` are kept.

        They were paid for. Without a limit of time, as in a backfill, nothing is cut.
        """
        try:
            self._encode(encoder, new)
        except (Unavailable, BudgetExhausted) as exc:
            if row_no is None or self.patience_s == inf or not isinstance(encoder, EngineEncoder):
                raise
            raise OutOfTime(row_no) from exc

    def _encode(self, encoder: Encoder, new: dict[bytes, str]) -> None:
        truncated, tokens, began = encoder.truncated_texts, encoder.encoded_tokens, perf_counter()
        texts = list(new.values())
        with spending_of(self.services, self.job_id, encoder, texts):
            vectors = encode_isolating(encoder, texts)
        self.texts_encoded += len(new)
        self.texts_truncated += encoder.truncated_texts - truncated
        self.tokens += encoder.encoded_tokens - tokens
        self.seconds += perf_counter() - began
        self._vectors.update(zip(new, vectors, strict=True))

    def _row(self, passages: Sequence[PassageText], hashed: dict[str, bytes]) -> Passages | str:
        result = []
        for start, end, text in passages:
            vector = self._vectors[hashed[text]]
            if isinstance(vector, Exception):
                return f"the text cannot be encoded: {vector}"
            result.append(PassageVector(start, end, hashed[text], vector))
        return tuple(result)


def _texts_at_once(encoder: Encoder) -> int:
    """Return how many texts are encoded at once: as many as one request to an engine may have."""
    return encoder.texts_at_once if isinstance(encoder, EngineEncoder) else GROUP
