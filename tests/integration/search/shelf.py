"""Fills a domain through the store's own writer, with vectors and words chosen by the test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray

from pc_worker.encoding import ModelIdentity
from pc_worker.errors import NoQueryModel
from pc_worker.model import Job, Model, PassageVector, RowWrite
from pc_worker.store.db.connection import Cursor, Database
from pc_worker.store.log.append import append_log
from pc_worker.store.models.registry import ensure_domain, register_model
from pc_worker.store.rows.merge import upsert_rows
from pc_worker.store.search.terms import row_terms

DIMENSION = 64


def embed(text: str, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """Return a unit vector that texts share to the degree in which they share words: plain, and the same everywhere."""
    total = np.zeros(dimension, np.float32)
    for word in text.lower().split() or [""]:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        total += np.random.default_rng(seed).standard_normal(dimension, dtype=np.float32)
    return total / np.float32(np.linalg.norm(total))


class WordEncoder:
    """Encodes by `embed`; counts what it is asked for."""

    backend = "words"
    max_tokens = 256
    truncated_texts = 0
    encoded_tokens = 0

    def __init__(self, model: Model) -> None:
        self.identity = ModelIdentity(name=model.name, revision=model.revision, dimension=model.dimension)
        self.queries: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([embed(text, self.identity.dimension) for text in texts])

    def encode_query(self, text: str) -> NDArray[np.float32]:
        self.queries.append(text)
        return embed(text, self.identity.dimension)

    def passages(self, text: str) -> list[Any]:
        raise NotImplementedError

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


@dataclass(slots=True)
class Shelf:
    """A domain being filled."""

    database: Database
    domain: str
    model: Model
    seq: int = 0  # of a job before all others: `forget` removes rows of jobs that have begun
    texts: dict[UUID, str] = field(default_factory=dict)

    def add(
        self,
        text: str,
        *,
        payload: Mapping[str, object] | None = None,
        passages: Sequence[tuple[int, int]] = (),
        vector: NDArray[np.float32] | None = None,
        source: str = "shelf",
    ) -> UUID:
        return self.add_all([text], payloads=[payload or {}], passages=passages, vector=vector, source=source)[0]

    def add_all(
        self,
        texts: Sequence[str],
        *,
        payloads: Sequence[Mapping[str, object]] = (),
        passages: Sequence[tuple[int, int]] = (),
        vector: NDArray[np.float32] | None = None,
        source: str = "shelf",
    ) -> list[UUID]:
        whole = payloads or [{} for _ in texts]
        rows = [self._row(text, payload, passages, vector) for text, payload in zip(texts, whole, strict=True)]
        ids = [row.row_id for row in rows]

        def work(cursor: Cursor) -> None:
            upsert_rows(cursor, origin=self._job().row_origin(source), rows=rows, fresh=set(ids))
            append_log(cursor, domain=self.domain, ids=ids, job_id=None, model_id=self.model.model_id)

        self.database.repeat(work)
        self.texts.update(zip(ids, texts, strict=True))
        return ids

    def _row(
        self,
        text: str,
        payload: Mapping[str, object],
        passages: Sequence[tuple[int, int]],
        vector: NDArray[np.float32] | None,
    ) -> RowWrite:
        spans = passages or [(0, len(text))]
        vectors = tuple(
            PassageVector(start, end, None, embed(text[start:end], self.model.dimension) if vector is None else vector)
            for start, end in spans
        )
        row_id = uuid4()
        return RowWrite(
            row_no=0,
            row_id=row_id,
            key=str(row_id),
            payload_json=json.dumps(dict(payload)),
            text=text,
            content_hash=hashlib.sha256(row_id.bytes).digest(),
            wire=b"",
            terms=row_terms(self.domain, text, payload),
            passages=vectors,
        )

    def _job(self) -> Job:
        none: dict[str, Any] = dict.fromkeys(Job.__slots__, 0)
        none |= {"job_id": "shelf", "seq": self.seq, "domain": self.domain, "source": "", "request": {}, "plan": None}
        none |= {"model_id": self.model.model_id, "state": "running", "error": None, "created_at": datetime.now(UTC)}
        return Job(**none)


def open_shelf(database: Database, domain: str, *, encodable: bool = True, dimension: int = DIMENSION) -> Shelf:
    def work(cursor: Cursor) -> Model:
        model = register_model(
            cursor,
            name=f"words-{domain}",
            revision="1",
            dimension=dimension,
            normalised=True,
            encodable=encodable,
        )
        ensure_domain(cursor, domain, model)
        return model

    return Shelf(database, domain, database.repeat(work))


def own_encoder(model: Model) -> WordEncoder:
    """Return the encoder of a model whose vectors are computed here; there is no model for the queries of others.

    Raises:
        NoQueryModel: If the vectors come from a source.
    """
    if not model.encodable:
        raise NoQueryModel("search it with mode text")
    return WordEncoder(model)
