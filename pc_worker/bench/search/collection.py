"""A collection for ``bench search``: rows whose vectors come from their words, so that meaning and words agree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from pc_worker.encoding import Encoder, ModelIdentity, Span
from pc_worker.model import Model
from pc_worker.store.db import copy
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.models.registry import active_model, ensure_domain, register_model
from pc_worker.store.search.filters.payload_fields import collect_fields
from pc_worker.store.search.terms import row_terms, sparsevec_binary
from pc_worker.store.search.words.splitting import RULES

DOMAIN = "document"
DIMENSION = 384
WORDS = 30_000
#: Number of subjects. Each row has one: its words, and so its vector, cluster around it.
SUBJECTS = 2_000
TOPICS = 10
BATCH = 1_000

ROW_COLUMNS = ("domain", "row_id", "source", "key", "payload", "text", "content_hash", "wire", "job_seq", "seen_seq")
VECTOR_COLUMNS = ("domain", "row_id", "model_id", "passage", "dimension", "start_char", "end_char", "vector")
TERM_COLUMNS = ("domain", "row_id", "terms", "counts", "length", "rules")


@dataclass(slots=True)
class Collection:
    """Rows and queries, reproducible by their seed; ``words`` has the shape (WORDS, DIMENSION)."""

    seed: int = 7
    size: int = 0
    words: NDArray[np.float32] = field(init=False)
    _random: np.random.Generator = field(init=False)
    _common: NDArray[np.float64] = field(init=False)
    _subjects: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        """Draw the language: how common each word is, which ones a subject uses, what each means."""
        self._random = np.random.default_rng(self.seed)
        weights = 1 / np.arange(1, WORDS + 1)  # as common as words of a language are
        self._common = np.cumsum(weights / weights.sum())
        self._subjects = self._random.integers(200, WORDS, (SUBJECTS, 40))
        self.words = self._random.standard_normal((WORDS, DIMENSION), dtype=np.float32)
        self.words[:200] *= 0.1  # the commonest words mean little

    def texts(self, count: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield texts of 20 to 90 words with their unit vectors, shape (DIMENSION,)."""
        for _ in range(count):
            length = int(self._random.integers(20, 90))
            language = np.searchsorted(self._common, self._random.random(length))
            subject = self._random.choice(self._subjects[self._random.integers(SUBJECTS)], length)
            chosen = np.where(self._random.random(length) < 0.5, language, subject)
            yield " ".join(f"w{n}" for n in chosen), self.vector(chosen)

    def vector(self, numbers: NDArray[np.int64] | Sequence[int]) -> NDArray[np.float32]:
        """Return the unit vector of words, shape (DIMENSION,): their normalised sum."""
        total = self.words[numbers].sum(axis=0)
        return np.asarray(total / np.linalg.norm(total), np.float32)

    def queries(self, count: int) -> list[str]:
        """Return queries of 2 to 6 words that occur together in a text."""
        texts = [text.split() for text, _ in self.texts(count)]
        return [" ".join(self._random.choice(words, int(self._random.integers(2, 7)))) for words in texts]

    def add(self, database: Database, count: int) -> Model:
        """Store ``count`` more rows, by COPY: how they are written is measured elsewhere."""
        model = database.repeat(_registered)
        for start in range(0, count, BATCH):
            texts = list(self.texts(min(BATCH, count - start)))
            ids = [UUID(bytes=self._random.bytes(16)) for _ in texts]
            with database.transaction() as cursor:
                self._write(cursor, model, ids, texts)
        return model

    def _write(
        self, cursor: Cursor, model: Model, ids: Sequence[UUID], texts: Sequence[tuple[str, NDArray[np.float32]]]
    ) -> None:
        payloads = [{"topic": f"t{(self.size + n) % TOPICS}", "n": self.size + n} for n in range(len(ids))]
        self.size += len(ids)
        rows = [_row(row_id, payload, text) for row_id, payload, (text, _) in zip(ids, payloads, texts, strict=True)]
        vectors = [_vector(row_id, model, vector) for row_id, (_, vector) in zip(ids, texts, strict=True)]
        terms = [_terms(row_id, payload, text) for row_id, payload, (text, _) in zip(ids, payloads, texts, strict=True)]
        copy.copy_rows(cursor, "rows", ROW_COLUMNS, rows)
        copy.copy_rows(cursor, "embeddings", VECTOR_COLUMNS, vectors)
        copy.copy_rows(cursor, "row_terms", TERM_COLUMNS, terms)
        collect_fields(cursor, DOMAIN, {("topic",), ("n",), ("text",)})
        cursor.execute("UPDATE domains SET head = head + %s WHERE domain = %s", (len(ids), DOMAIN))


def _registered(cursor: Cursor) -> Model:
    """Return the domain's model, the one of the benchmark if it has none."""
    cursor.execute("SELECT 1 FROM domains WHERE domain = %s", (DOMAIN,))
    if cursor.fetchone() is not None:
        return active_model(cursor, DOMAIN)
    model = register_model(cursor, name="bench", revision="1", dimension=DIMENSION, normalised=True, encodable=True)
    ensure_domain(cursor, DOMAIN, model)
    return model


def _row(row_id: UUID, payload: dict[str, object], text: str) -> tuple[copy.Field, ...]:
    own = (copy.text(DOMAIN), copy.uuid(row_id), copy.text("bench"), copy.text(str(row_id)))
    return *own, copy.jsonb(json.dumps(payload | {"text": text})), copy.text(text), b"", b"", copy.int8(1), copy.int8(1)


def _vector(row_id: UUID, model: Model, vector: NDArray[np.float32]) -> tuple[copy.Field, ...]:
    place = (copy.int2(0), copy.int4(DIMENSION), copy.int4(0), copy.int4(0))
    return copy.text(DOMAIN), copy.uuid(row_id), copy.int4(model.model_id), *place, copy.vector(vector)


def _terms(row_id: UUID, payload: dict[str, object], text: str) -> tuple[copy.Field, ...]:
    terms = row_terms(DOMAIN, text, payload)
    binary = (copy.int4_array(terms.ids), sparsevec_binary(terms), copy.int4(terms.length), copy.int2(RULES))
    return copy.text(DOMAIN), copy.uuid(row_id), *binary


class CollectionEncoder:
    """Encodes queries of the collection's words; takes next to no time, so that search itself is measured.

    Args:
        collection: The collection.
        model: A model that also encodes each query, for the time that this takes.
    """

    backend = "bench"
    max_tokens = 256
    truncated_texts = 0
    encoded_tokens = 0

    def __init__(self, collection: Collection, model: Encoder | None = None) -> None:
        self._collection, self._model = collection, model
        self.identity = ModelIdentity(name="bench", revision="1", dimension=DIMENSION)

    def encode_query(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of the query's words, shape (DIMENSION,)."""
        if self._model is not None:
            self._model.encode_query(text)
        return self._collection.vector([int(word[1:]) for word in text.split()])

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of texts, shape (len(texts), DIMENSION)."""
        return np.stack([self.encode_query(text) for text in texts])

    def passages(self, text: str) -> list[Span]:
        """Return one span: the whole text."""
        return [Span(0, len(text))]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of words of each text."""
        return [len(text.split()) for text in texts]
