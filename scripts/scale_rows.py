"""Notes with ready vectors for `scale_run`: the language of ``bench search``, made in large batches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pc_worker.domains
from pc_worker.bench.search.collection import DIMENSION, TOPICS, Collection, CollectionEncoder
from pc_worker.encoding import ModelIdentity
from pc_worker.model import Model

#: Words of a text, half of the language, half of its subject; and rows that are made, and summed, at once.
WORDS, BATCH, SLICE = 24, 20_000, 2_000
#: Directions in which the meanings of words vary most.
DIRECTIONS = 32
#: A domain of 384 dimensions whose vectors come from its source.
DECLARATION = f'''"""The domain ``note``: short texts with ready vectors."""

from pc_worker.domains.cleaning.rules import filled_text, text
from pc_worker.domains.declaration.domain import Domain, Field, SourceVector

DOMAIN = Domain(
    name="note",
    key=("id",),
    fields=(Field("topic", ("topic",), text), Field("text", ("text",), filled_text, when_null="dead")),
    vector=SourceVector("vector", ("vector",), dimension={DIMENSION}),
    search=("text",),
)
'''
#: Adds the declaration in every Python process of a stack.
AT_START = "import pc_worker.domains\npc_worker.domains.__path__.append({folder!r})\n"


def declare(folder: Path) -> None:
    """Declare the domain, in this process and in those that are started from now on."""
    (folder / "declared").mkdir()
    (folder / "declared" / "note.py").write_text(DECLARATION, encoding="utf-8")
    (folder / "sitecustomize.py").write_text(AT_START.format(folder=str(folder / "declared")), encoding="utf-8")
    pc_worker.domains.__path__.append(str(folder / "declared"))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))


class Notes(Collection):
    """Rows and queries, reproducible by their seed.

    The meanings of words vary in few directions, as vectors of text models do: otherwise no index finds all neighbours.
    """

    def __post_init__(self) -> None:
        """Draw the language."""
        super().__post_init__()
        draw = np.random.default_rng(self.seed)
        meanings = draw.standard_normal((len(self.words), DIRECTIONS), dtype=np.float32)
        directions = draw.standard_normal((DIRECTIONS, DIMENSION), dtype=np.float32)
        self.words = meanings @ directions / np.float32(DIRECTIONS**0.5) + 0.2 * self.words
        self.words[:200] *= 0.1  # the commonest words mean little

    def write(self, path: Path, rows: int) -> None:
        """Write the next ``rows`` rows as Parquet, in batches."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        writer = None
        for start in range(0, rows, BATCH):
            batch = pa.table(self._columns(pa, min(BATCH, rows - start)))
            writer = writer or pq.ParquetWriter(path, batch.schema, compression="none")
            writer.write_table(batch)
        if writer is not None:
            writer.close()

    def _columns(self, pa: Any, rows: int) -> dict[str, Any]:
        chosen = self._chosen(rows)
        vectors = np.concatenate([self._sums(chosen[start : start + SLICE]) for start in range(0, rows, SLICE)])
        numbers = range(self.size, self.size + rows)
        self.size += rows
        return {
            "id": [f"{number:08x}-5ca1-4e00-8000-{number * 2654435761 % 2**48:012x}" for number in numbers],
            "topic": [f"t{number % TOPICS}" for number in numbers],
            "text": [" ".join([f"w{word}" for word in words]) for words in chosen.tolist()],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIMENSION),
        }

    def _chosen(self, rows: int) -> NDArray[np.int64]:
        """Return the words of texts, shape (rows, WORDS)."""
        half = WORDS // 2
        language = np.searchsorted(self._common, self._random.random((rows, half)))
        subjects = self._subjects[self._random.integers(len(self._subjects), size=rows)]
        own = np.take_along_axis(subjects, self._random.integers(subjects.shape[1], size=(rows, half)), axis=1)
        return np.concatenate([language, own], axis=1)

    def _sums(self, chosen: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the unit vectors of texts, shape (len(chosen), DIMENSION)."""
        total = self.words[chosen].sum(axis=1)
        return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True), np.float32)

    def texts(self, count: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield texts with their unit vectors, shape (DIMENSION,); queries are made of them."""
        chosen = self._chosen(count)
        for words, vector in zip(chosen.tolist(), self._sums(chosen), strict=True):
            yield " ".join([f"w{word}" for word in words]), vector


def encoder_of(notes: Notes, model: Model) -> CollectionEncoder:
    """Return an encoder of queries for the domain's model that takes next to no time."""
    encoder = CollectionEncoder(notes)
    encoder.identity = ModelIdentity(name=model.name, revision=model.revision, dimension=model.dimension)
    return encoder
