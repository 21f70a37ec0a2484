"""What only the PyTorch backend does; on a CPU, where fp16 is slow but the same arithmetic."""

from __future__ import annotations

import os

import pytest

from pc_worker.encoding import Encoder
from pc_worker.encoding.backends.torch_backend import in_fp16_if_equal, load_reference
from pc_worker.encoding.models.finding import find_model
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
