"""Model folders made for a test: all configuration, a tokenizer of words, weights that are only bytes."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

START, END, UNKNOWN = 1, 2, 3


def word_tokenizer() -> Tokenizer:
    """Return a tokenizer with one token a word, a start and an end; it knows the numbers up to 500."""
    vocabulary = {"[PAD]": 0, "[CLS]": START, "[SEP]": END, "[UNK]": UNKNOWN}
    vocabulary |= {str(number): number + 10 for number in range(500)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", START), ("[SEP]", END)]
    )
    return tokenizer


def write_model(
    folder: Path,
    *,
    prompts: dict[str, str] | None = None,
    window: int = 32,
    lower_case: bool = False,
    dense: int | None = None,
) -> Path:
    """Write a folder laid out as sentence-transformers does."""
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")] + [("2_Dense", "Dense")] * (dense is not None)
    files = {
        "config.json": {"hidden_size": 8, "max_position_embeddings": 512, "pad_token_id": 0},
        "modules.json": [
            {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for place, (path, kind) in enumerate(modules)
        ],
        "sentence_bert_config.json": {"max_seq_length": window, "do_lower_case": lower_case},
        "config_sentence_transformers.json": {"prompts": prompts or {}},
        "1_Pooling/config.json": {"word_embedding_dimension": 8, "pooling_mode_cls_token": True},
    }
    if dense is not None:
        files["2_Dense/config.json"] = {"in_features": 8, "out_features": dense}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    word_tokenizer().save(str(folder / "tokenizer.json"))
    return folder
