"""Without PyTorch, sentence-transformers and transformers: the built-in model works, another one says what it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pc_worker.encoding import Encoder, Vectors, compared
from pc_worker.encoding.agreement import probe_texts
from tests.support.stack import environment, run_command

# Read by every Python process at its start, also by the one that exports.
BLOCKED = "import sys\nsys.modules.update(dict.fromkeys(('torch', 'sentence_transformers', 'transformers')))\n"
ENCODE = """
import json, sys
from pathlib import Path
from pc_worker.encoding import load_encoder
encoder = load_encoder(cache=Path(sys.argv[1]), backend=sys.argv[2])
print(json.dumps([encoder.backend, encoder.identity.revision, encoder.encode(json.load(sys.stdin)).tolist()]))
"""


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a process that cannot import what the light installation does without."""
    folder = tmp_path_factory.mktemp("light")
    (folder / "sitecustomize.py").write_text(BLOCKED)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}


def encoded(light: dict[str, str], cache: Path, backend: str) -> tuple[str, str, Vectors]:
    done = subprocess.run(
        [sys.executable, "-c", ENCODE, str(cache), backend],
        input=json.dumps(probe_texts()),
        env=light,
        capture_output=True,
        text=True,
        check=True,
    )
    name, revision, vectors = json.loads(done.stdout.splitlines()[-1])
    return name, revision, np.array(vectors, dtype=np.float32)


def test_the_built_in_model_gives_the_vectors_of_the_full_installation(
    light: dict[str, str], torch: Encoder, tmp_path: Path
) -> None:
    name, revision, vectors = encoded(light, tmp_path, "auto")

    assert (name, revision) == ("onnx", torch.identity.revision)
    assert compared(vectors, torch.encode(probe_texts())).min_cosine >= 0.9999


def test_int8_is_the_full_installations_too(light: dict[str, str], int8: Encoder, tmp_path: Path) -> None:
    name, revision, vectors = encoded(light, tmp_path, "onnx-int8")

    assert (name, revision) == ("onnx-int8", int8.identity.revision)
    assert compared(vectors, int8.encode(probe_texts())).min_cosine >= 0.9999


@pytest.mark.parametrize("backend", ["auto", "onnx", "torch"])
def test_another_model_is_told_in_one_line_what_to_install(
    light: dict[str, str], small: Path, tmp_path: Path, backend: str
) -> None:
    script = "import sys; from pathlib import Path; from pc_worker.encoding import ModelUnavailable, load_encoder\n"
    script += "try: load_encoder(sys.argv[1], cache=Path(sys.argv[2]), backend=sys.argv[3])\n"
    script += "except ModelUnavailable as error: print(error)"
    command = [sys.executable, "-c", script, str(small / "roberta"), str(tmp_path), backend]

    done = subprocess.run(command, env=light, capture_output=True, text=True, check=True)

    said = done.stdout.splitlines()[-1]
    assert "roberta" in said
    assert "pip install 'pc-worker[models]'" in said


@pytest.mark.parametrize("bench", ["encode", "e2e"])
def test_a_benchmark_against_the_reference_says_that_it_is_missing(
    light: dict[str, str], tmp_path: Path, bench: str
) -> None:
    done = run_command("bench", bench, env={**environment(tmp_path), "PYTHONPATH": light["PYTHONPATH"]})

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: PyTorch and sentence-transformers are not installed here")
