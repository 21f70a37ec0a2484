"""A query's vector is computed by a thread of its own, unless the same query was asked recently."""

from __future__ import annotations

import threading
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from pc_worker.errors import ContractBroken, PcWorkerError, Unavailable
from pc_worker.model import Model
from pc_worker.services.search.query_vectors import QueryVector
from pc_worker.store.search.scores.nearest import vector_text
from tests.integration.search.shelf import WordEncoder, embed

MODEL = Model(model_id=1, name="a", revision="1", dimension=8, normalised=True, encodable=True)


class Threads(WordEncoder):
    """Records the thread in which it encodes, once the test lets it go on."""

    def __init__(self, *, error: PcWorkerError | None = None) -> None:
        super().__init__(MODEL)
        self.go, self.threads, self.error = threading.Event(), list[threading.Thread](), error

    def encode_query(self, text: str) -> NDArray[np.float32]:
        assert self.go.wait(30)
        self.threads.append(threading.current_thread())
        if self.error is not None:
            raise self.error
        return super().encode_query(text)


def test_the_caller_goes_on_while_the_query_is_encoded() -> None:
    encoder, query = Threads(), str(uuid4())

    vector = QueryVector(query, MODEL, encoder, aside=True)
    encoder.go.set()

    assert vector.text() == vector_text(embed(query, MODEL.dimension))
    assert encoder.threads != [threading.current_thread()]
    assert all(thread.daemon for thread in encoder.threads)


@pytest.mark.parametrize("aside", [True, False])
def test_a_recent_query_needs_no_thread(aside: bool) -> None:
    encoder, query = Threads(), str(uuid4())
    encoder.go.set()

    texts = [QueryVector(query, MODEL, encoder, aside=each).text() for each in (False, aside)]

    assert texts[0] == texts[1]
    assert encoder.threads == [threading.current_thread()]


@pytest.mark.parametrize("aside", [True, False])
def test_an_error_is_raised_where_the_vector_is_needed(aside: bool) -> None:
    encoder = Threads(error=Unavailable("the engine does not answer"))
    encoder.go.set()
    vector = QueryVector(str(uuid4()), MODEL, encoder, aside=aside)

    with pytest.raises(Unavailable, match="does not answer"):
        vector.text()


def test_another_model_is_refused_at_once() -> None:
    other = Model(model_id=1, name="a", revision="2", dimension=8, normalised=True, encodable=True)

    with pytest.raises(ContractBroken, match="PC_WORKER_MODEL"):
        QueryVector("query", other, Threads(), aside=True)
