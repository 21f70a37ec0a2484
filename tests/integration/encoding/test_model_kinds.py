"""Models of every kind: each backend has the vectors of sentence-transformers, of documents and of queries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(900)
def test_documents_and_queries_are_those_of_sentence_transformers_for_every_kind_of_model(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.integration.encoding.small_models", str(tmp_path), "--measured"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "measured.json").read_text(encoding="utf-8"))

    assert {backend for backends in found.values() for backend, *_ in backends.values()} == {"onnx", "torch"}
    assert [name for name, backends in found.items() if backends["auto"][0] == "torch"] == ["gemma3", "router"]
    least = {name: min(min(cosines) for _, *cosines in backends.values()) for name, backends in found.items()}
    assert {name: value for name, value in least.items() if value < 0.9999} == {}
