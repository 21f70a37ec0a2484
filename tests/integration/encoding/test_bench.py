"""`bench encode` from end to end, on few texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from pc_worker.bench.encode.compare import BACKENDS, run
from pc_worker.encoding import Encoder


@pytest.mark.slow
def test_every_backend_is_measured_against_sentence_transformers(onnx: Encoder, int8: Encoder, shared: Path) -> None:
    result = run(texts=20, cache=shared)

    assert {figure.label.split(":")[0] for figure in result.figures} == set(BACKENDS)
    for figure in result.figures:
        if "cosine" in figure.label or "limit" in figure.label:
            assert figure.must is not None
            assert figure.ratio >= figure.must
