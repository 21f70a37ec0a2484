"""Reranking by a cross-encoder in this process."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from pc_worker.settings import PROJECT

# Not imported here: it takes seconds, and every test process collects all tests.
pytestmark = pytest.mark.skipif(not find_spec("sentence_transformers"), reason="needs the extra `models`")


def test_a_cross_encoder_scores_as_the_library_does_and_runs_no_code_of_its_folder(tmp_path: Path) -> None:
    """In a process of its own: torch takes seconds to load, and memory."""
    command = [sys.executable, "-m", "tests.integration.encoding.small_cross_encoder", str(tmp_path)]

    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=240)

    assert ran.returncode == 0, ran.stderr[-3000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["name"] == "small-ranker"
    assert found["scores"] == pytest.approx(found["expected"], abs=1e-5)
    assert len(set(found["scores"])) > 10
    assert "it was not done" in found["late"]
    assert "cannot be loaded" in found["pickled"]
    assert "cannot be loaded" in found["broken"]
    assert "3 labels" in found["labels"]
