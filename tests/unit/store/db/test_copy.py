"""The binary forms that we write and read are equal to those of pgvector's own types, the independent reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import psycopg2.errors
import pytest
from numpy.typing import NDArray
from pgvector import SparseVector, Vector

from pc_worker.model import RowTerms
from pc_worker.store.db import copy
from pc_worker.store.log.read import _little_endian
from pc_worker.store.search.terms import sparsevec_binary, sparsevecs_binary
from pc_worker.store.search.words.term_hash import DIMENSION

#: Signed zero, the smallest and largest numbers, and one whose float32 differs from its float64.
EXTREMES = np.asarray([0.0, -0.0, 1e-45, -3.4028235e38, 3.4028235e38, 0.1, 1 / 3], np.float32)


def random_vectors(count: int, dimension: int) -> NDArray[np.float32]:
    return np.random.default_rng(dimension).standard_normal((count, dimension), dtype=np.float32)


VECTORS = [
    pytest.param(EXTREMES[np.newaxis], id="extremes"),
    pytest.param(random_vectors(3, 1), id="one dimension"),
    pytest.param(random_vectors(4, 768)[::2], id="not contiguous"),
    pytest.param(np.asfortranarray(random_vectors(3, 5)), id="column order"),
    pytest.param(random_vectors(2, 16_000), id="largest dimension"),
]


@pytest.mark.parametrize("vectors", VECTORS)
def test_vectors_are_written_as_pgvector_writes_them(vectors: NDArray[np.float32]) -> None:
    expected = [Vector(vector).to_binary() for vector in vectors]

    assert copy.vectors(vectors) == expected
    assert [copy.vector(vector) for vector in vectors] == expected


@pytest.mark.parametrize("vectors", VECTORS)
def test_vectors_are_read_as_pgvector_reads_them(vectors: NDArray[np.float32]) -> None:
    sent = [Vector(vector).to_binary() for vector in vectors]

    read = np.stack([copy.read_vector(data) for data in sent])

    assert read.tobytes() == vectors.tobytes()
    assert _little_endian(sent) == [Vector.from_binary(data).to_numpy().astype("<f4").tobytes() for data in sent]


def test_term_counts_are_written_as_pgvector_writes_them() -> None:
    rows = [
        RowTerms(ids=[-7, 1, 500, DIMENSION], counts=[3, 1, 2_000_000], length=2_000_004),
        RowTerms(ids=[-9, -7], counts=[], length=0),
        RowTerms(ids=[12], counts=[1], length=1),
    ]

    vectors = [
        SparseVector({1 - 1: 3, 500 - 1: 1, DIMENSION - 1: 2_000_000}, DIMENSION),
        SparseVector({}, DIMENSION),
        SparseVector({12 - 1: 1}, DIMENSION),
    ]
    expected = [vector.to_binary() for vector in vectors]
    assert sparsevecs_binary(rows) == expected
    assert [sparsevec_binary(row) for row in rows] == expected


class _Server:
    """Takes the data of a COPY as the driver does, and records how much it had at each row that was encoded."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.data = b""
        self.failure = failure

    def copy_expert(self, statement: str, source: Any) -> None:
        self.statement = statement
        try:
            while block := source.read(8192):
                self.data += block
        except (ValueError, KeyboardInterrupt) as exc:
            raise psycopg2.errors.QueryCanceled("COPY from stdin failed: error in .read() call") from exc
        if self.failure is not None:
            raise self.failure


def test_rows_are_sent_while_the_next_are_encoded() -> None:
    server, seen = _Server(), []

    def rows() -> Iterator[bytes]:
        for _ in range(10):
            seen.append(len(server.data))
            yield copy.fields([bytes(copy.BLOCK_BYTES)])

    copy.copy_encoded(cast("Any", server), "t", ("a", "b"), rows(), equal=[copy.int2(7)])

    row = b"\x00\x02" + copy.fields([copy.int2(7), bytes(copy.BLOCK_BYTES)])
    assert server.statement == "COPY t (a, b) FROM STDIN (FORMAT binary)"
    assert server.data == copy.HEADER + 10 * row + copy.TRAILER
    assert seen == [0, *(len(copy.HEADER) + n * len(row) for n in range(1, 10))]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_error_of_a_row_is_raised_as_it_is(error: type[BaseException]) -> None:
    def rows() -> Iterator[list[bytes]]:
        yield [b"a"]
        raise error("no number")

    with pytest.raises(error, match=r"^no number$"):
        copy.copy_rows(cast("Any", _Server()), "t", ("a",), rows())


def test_error_of_the_server_is_raised_as_it_is() -> None:
    failure = psycopg2.errors.UniqueViolation("twice")

    with pytest.raises(psycopg2.errors.UniqueViolation):
        copy.copy_rows(cast("Any", _Server(failure)), "t", ("a",), [[b"a"], [None]])
