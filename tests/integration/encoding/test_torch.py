"""What only the PyTorch backend does; on a CPU, where fp16 is slow but the same arithmetic."""

from __future__ import annotations

import os

import numpy as np
import pytest

from pc_worker.encoding import Encoder
from pc_worker.encoding.agreement import measured
from pc_worker.encoding.backends.torch_backend import (
    in_fp16_if_equal,
    load_reference,
    reference_vectors,
    torch_forward,
)
from pc_worker.encoding.encoder import BatchSizes, Forward, ModelEncoder
from pc_worker.encoding.models.finding import find_model
from pc_worker.encoding.models.folder import ModelFolder
from pc_worker.encoding.protocol import ModelIdentity, Vectors
from pc_worker.encoding.text.batches import TokenBatch
from pc_worker.encoding.text.tokens import load_tokens
from pc_worker.errors import ModelUnavailable


@pytest.mark.slow
def test_fp16_is_taken_where_its_vectors_are_as_good_as_equal() -> None:
    folder = find_model("")

    model = in_fp16_if_equal(load_reference(folder), folder)

    assert {str(parameter.dtype) for parameter in model.parameters()} == {"torch.float16"}


@pytest.mark.slow
def test_fp16_is_refused_where_its_vectors_differ() -> None:
    folder = find_model("")

    model = in_fp16_if_equal(load_reference(folder), folder, min_cosine=1.1)

    assert {str(parameter.dtype) for parameter in model.parameters()} == {"torch.float32"}


def test_it_says_that_it_does_not_survive_a_fork(torch: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)

    with pytest.raises(ModelUnavailable, match="load it after"):
        torch.encode(["a"])


def test_a_batch_that_the_gpu_has_no_memory_for_is_divided(torch: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"number {number}" for number in range(5)]
    expected, asked = torch.encode(texts), _fail_above(2, torch, monkeypatch)

    assert np.allclose(torch.encode(texts), expected, atol=1e-6)
    assert asked == [5, 2, 3, 1, 2]


def test_a_gpu_without_memory_for_one_text_is_told(torch: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail_above(0, torch, monkeypatch)

    with pytest.raises(ModelUnavailable, match="too little free memory"):
        torch.encode(["a"])


def test_the_vectors_by_our_tokens_are_those_by_texts() -> None:
    folder = find_model("")
    by_texts = load_reference(folder)
    expected = reference_vectors(by_texts)

    found = measured(_encoder(folder, torch_forward(folder, threads=1, by_tokens=True, loaded=by_texts)), expected)

    assert found.min_cosine > 0.99999


def _encoder(folder: ModelFolder, forward: Forward) -> Encoder:
    identity = ModelIdentity(name=folder.name, revision="", dimension=folder.dimension)
    return ModelEncoder(folder, load_tokens(folder), forward, identity=identity, backend="torch", sizes=BatchSizes())


def _fail_above(most: int, encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make the model run out of memory with more than ``most`` texts; return the numbers of texts that it is given."""
    from torch import OutOfMemoryError

    forward, asked = encoder._forward, []  # type: ignore[attr-defined]
    original = forward._vectors

    def vectors(batch: TokenBatch) -> Vectors:
        asked.append(len(batch.texts))
        if len(batch.texts) > most:
            raise OutOfMemoryError
        return np.asarray(original(batch))

    monkeypatch.setattr(forward, "_vectors", vectors)
    return asked
