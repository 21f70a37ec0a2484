"""How an encoder is loaded: exported once by any process, and rejected in one clear sentence."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pc_worker.encoding import load_encoder
from pc_worker.encoding.agreement import Agreement
from pc_worker.encoding.export.checked import write_agreement
from pc_worker.errors import ModelUnavailable
from tests.support.waiting import eventually

LOAD = """
import sys
from pathlib import Path
from pc_worker.encoding import load_encoder
encoder = load_encoder(sys.argv[1], cache=Path(sys.argv[2]))
print(encoder.backend, "torch" in sys.modules)
"""


#: Short for the built-in model, which needs no PyTorch.
BUILTIN = ""


def loading(model: Path | str, cache: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", LOAD, str(model), str(cache)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def exports(cache: Path) -> list[Path]:
    return [path for path in cache.iterdir() if path.is_dir() and (path / "model.onnx").exists()]


def last_line(process: subprocess.Popen[str]) -> str:
    return process.communicate()[0].splitlines()[-1]


@dataclass(frozen=True)
class Together:
    """A folder into which processes that started together exported ``roberta``, and their outputs."""

    cache: Path
    outputs: list[str]


@pytest.fixture(scope="module")
def together(small: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Together:
    own = tmp_path_factory.mktemp("together") / "models"
    shutil.copytree(cache, own)
    processes = [loading(small / "roberta", own) for _ in range(3)]
    return Together(own, [process.communicate()[0] for process in processes])


def test_processes_that_start_together_export_once_and_none_keeps_pytorch(together: Together) -> None:
    assert [output.splitlines()[-1] for output in together.outputs] == ["onnx False"] * 3
    assert sum(output.count("model_export_started") for output in together.outputs) == 1
    assert [path.name.partition("-")[0] for path in exports(together.cache)].count("roberta") == 1


def test_a_killed_export_leaves_nothing_that_is_taken_for_done(tmp_path: Path) -> None:
    first = loading(BUILTIN, tmp_path)
    eventually(lambda: list(tmp_path.glob(".all-MiniLM-*/model")), what="an export in the making")
    first.kill()
    first.communicate()
    assert exports(tmp_path) == []

    second = loading(BUILTIN, tmp_path)

    assert last_line(second) == "onnx False"
    assert list(tmp_path.glob(".all-MiniLM-*")) == []


def test_a_query_prompt_gives_another_vector_than_the_document(small: Path, cache: Path) -> None:
    encoder = load_encoder(str(small / "cls-dense"), cache=cache)

    assert np.abs(encoder.encode(["a"])[0] - encoder.encode_query("a")).max() > 1e-3


def test_whoever_may_read_an_exported_graph_may_read_its_weights(together: Together) -> None:
    (graph,) = together.cache.glob("roberta-*/model.onnx")

    assert graph.with_name("weights.bin").stat().st_mode == graph.stat().st_mode
    assert graph.stat().st_size < 100_000


def test_a_model_whose_weights_are_broken_is_refused(small: Path, cache: Path) -> None:
    with pytest.raises(ModelUnavailable, match="broken"):
        load_encoder(str(small / "broken"), cache=cache)


def test_a_model_that_is_missing_is_refused(cache: Path) -> None:
    with pytest.raises(ModelUnavailable, match="models pull /no/such/model"):
        load_encoder("/no/such/model", cache=cache)


def test_an_unknown_backend_is_refused(cache: Path) -> None:
    with pytest.raises(ModelUnavailable, match="choose one of auto, torch, onnx, onnx-int8"):
        load_encoder(cache=cache, backend="abacus")


@pytest.mark.parametrize("name", ["model.onnx", "weights.bin"])
def test_a_damaged_export_says_what_to_delete(small: Path, together: Together, tmp_path: Path, name: str) -> None:
    shutil.copytree(together.cache, tmp_path / "cache")
    (damaged,) = (tmp_path / "cache").glob(f"roberta-*/{name}")
    damaged.write_bytes(damaged.read_bytes()[:1000])

    with pytest.raises(ModelUnavailable, match="delete its folder"):
        load_encoder(str(small / "roberta"), cache=tmp_path / "cache", backend="onnx")


def test_a_backend_that_does_not_agree_gives_way_to_the_reference(
    small: Path, together: Together, tmp_path: Path
) -> None:
    shutil.copytree(together.cache, tmp_path / "cache")
    (agreement,) = (tmp_path / "cache").glob("roberta-*-onnx-*/agreement.json")
    poor = Agreement(min_cosine=0.99, mean_cosine=0.999, top10_overlap=0.9, texts=100)
    write_agreement(agreement.parent, poor, by_tokens=True)

    assert load_encoder(str(small / "roberta"), cache=tmp_path / "cache").backend == "torch"
    with pytest.raises(ModelUnavailable, match=r"does not agree with the model roberta: cosine 0\.99000"):
        load_encoder(str(small / "roberta"), cache=tmp_path / "cache", backend="onnx")


FORK = """
import os, sys
from pathlib import Path
from pc_worker.encoding import load_encoder
encoder = load_encoder(cache=Path(sys.argv[1]), threads=2)
text = "words that keep both threads busy " * 30
before = encoder.encode([text])
child = os.fork()
if child == 0:
    os._exit(0 if abs(encoder.encode([text]) - before).max() < 1e-5 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_an_encoder_with_threads_survives_a_fork(shared: Path) -> None:
    assert subprocess.run([sys.executable, "-c", FORK, str(shared)], timeout=120, check=False).returncode == 0
