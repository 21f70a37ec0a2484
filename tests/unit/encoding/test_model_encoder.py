"""What every backend gets from the encoder around it, shown with a backend that adds up token ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pc_worker.encoding import Span, Vectors, encode_isolating, identify_model
from pc_worker.encoding.encoder import BatchSizes, Forward, ModelEncoder
from pc_worker.encoding.models.finding import find_model
from pc_worker.encoding.text.batches import Ids, TokenBatch
from pc_worker.encoding.text.tokens import load_tokens
from pc_worker.errors import EncodingFailed, ModelUnavailable
from tests.unit.encoding.models import write_model

POISON = 499 + 10  # the id of the word "499"


class Angles:
    """A backend: a text's vector points in a direction made of its token ids; it keeps what it saw."""

    def __init__(self) -> None:
        self.seen: list[Ids] = []

    def __call__(self, batch: TokenBatch) -> Vectors:
        ids, mask = batch.ids, batch.mask
        self.seen.append(ids)
        if (ids == POISON).any():
            raise EncodingFailed("499")
        angle = (ids * mask).sum(axis=1) / 1000
        vectors = np.zeros((len(ids), 8), dtype=np.float32)
        vectors[:, 0], vectors[:, 1] = np.cos(angle), np.sin(angle)
        return vectors

    @property
    def texts(self) -> int:
        return sum(len(ids) for ids in self.seen)


Make = Callable[..., ModelEncoder]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def build(forward: Forward, *, window: int = 32, prompts: dict[str, str] | None = None) -> ModelEncoder:
        folder = find_model(str(write_model(tmp_path, window=window, prompts=prompts)))
        return ModelEncoder(
            folder,
            load_tokens(folder),
            forward,
            identity=identify_model(str(tmp_path)),
            backend="angles",
            sizes=BatchSizes(tokens_per_batch=64, overlap_tokens=4),
        )

    return build


def test_vectors_come_in_the_order_of_the_texts(make: Make) -> None:
    encoder = make(Angles())
    texts = [" ".join(str(n) for n in range(length)) for length in (5, 1, 20, 9, 1, 30)]

    together = encoder.encode(texts)

    assert together.dtype == np.float32
    np.testing.assert_array_equal(together, np.stack([encoder.encode([text])[0] for text in texts]))


def test_equal_texts_are_encoded_once(make: Make) -> None:
    forward = Angles()

    vectors = make(forward).encode(["1 2", " 1\n2 ", "3", "1 2"])

    assert forward.texts == 2
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_nothing_gives_no_vectors(make: Make) -> None:
    assert make(Angles()).encode([]).shape == (0, 8)


def test_a_batch_never_exceeds_its_tokens(make: Make) -> None:
    forward = Angles()

    make(forward).encode([" ".join(str(n) for n in range(m, m + m % 30)) for m in range(100)])

    assert max(ids.size for ids in forward.seen) <= 64


def test_a_text_over_the_window_is_cut_and_counted(make: Make) -> None:
    forward = Angles()
    encoder = make(forward, window=8)
    long = "1 2 3 4 5 6 7 8 9"

    vectors = encoder.encode([long, "1 2 3 4 5 6", long])

    assert encoder.truncated_texts == 1
    assert forward.seen[0].shape[1] == 8
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_a_huge_text_is_cut_as_if_all_of_it_had_been_read(make: Make) -> None:
    encoder = make(Angles(), window=8)

    spread = encoder.encode(["x" * 100_000 + " 1" + " 2" * 100_000])

    np.testing.assert_array_equal(spread, encoder.encode(["x 1 2 2 2 2"]))


def test_tokens_are_counted_without_a_window(make: Make) -> None:
    encoder = make(Angles(), window=8)

    assert encoder.count_tokens(["", "1", "1 " * 500]) == [2, 3, 502]


def test_documents_and_queries_get_their_prompts(make: Make) -> None:
    forward = Angles()
    encoder = make(forward, prompts={"query": "7 ", "document": "8 "})

    encoder.encode(["1"])
    encoder.encode_query("1")

    assert [ids[0, 1:-1].tolist() for ids in forward.seen] == [[18, 11], [17, 11]]


def test_a_query_is_one_vector(make: Make) -> None:
    assert make(Angles()).encode_query("1 2").shape == (8,)


def test_a_text_that_fits_is_one_passage(make: Make) -> None:
    text = " 1. 2. 3. "

    assert make(Angles()).passages(text) == [Span(0, len(text))]


def test_passages_fit_the_window_with_prompt_and_special_tokens(make: Make) -> None:
    encoder = make(Angles(), window=16, prompts={"document": "8 "})
    text = "1 2 3. " * 40

    spans = encoder.passages(text)

    assert len(spans) > 1
    assert max(encoder.count_tokens([text[span.start : span.end] for span in spans])) <= 16


def test_the_failing_texts_alone_fail(make: Make) -> None:
    texts = ["1", "499", "2", "half \ud800", "3"]

    results = encode_isolating(make(Angles()), texts)

    assert [isinstance(result, EncodingFailed) for result in results] == [False, True, False, True, False]


def test_a_vector_that_is_not_finite_is_a_failure(make: Make) -> None:
    def broken(batch: TokenBatch) -> Vectors:
        return np.full((len(batch.texts), 8), np.nan, dtype=np.float32)

    with pytest.raises(EncodingFailed, match="no finite vector"):
        make(broken).encode(["1"])


def test_another_dimension_than_the_configured_one_is_refused(make: Make) -> None:
    def broken(batch: TokenBatch) -> Vectors:
        return np.eye(len(batch.texts), 9, dtype=np.float32)

    with pytest.raises(ModelUnavailable, match="8 dimensions"):
        make(broken).encode(["1"])
