"""Model folders made for a test: all configuration, a tokenizer of words, weights that are only bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
    dense: tuple[int, ...] = (),
    truncate: int | None = None,
    prompt_counts: bool = True,
) -> Path:
    """Write a folder laid out as sentence-transformers does."""
    layers = [(f"{place}_Dense", "Dense") for place, _ in enumerate(dense, start=2)]
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), *layers]
    pooling = {"word_embedding_dimension": 8, "pooling_mode_cls_token": True, "include_prompt": prompt_counts}
    files: dict[str, Any] = {
        "config.json": {"hidden_size": 8, "max_position_embeddings": 512, "pad_token_id": 0},
        "modules.json": [
            {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for place, (path, kind) in enumerate(modules)
        ],
        "sentence_bert_config.json": {"max_seq_length": window, "do_lower_case": lower_case},
        "config_sentence_transformers.json": {"prompts": prompts or {}, "truncate_dim": truncate},
        "1_Pooling/config.json": pooling,
    }
    for (path, _), width in zip(layers, dense, strict=True):
        files[f"{path}/config.json"] = {"in_features": 8, "out_features": width}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    for path in ("", *(path for path, _ in layers)):
        (folder / path / "model.safetensors").write_bytes(b"weights of " + path.encode())
    word_tokenizer().save(str(folder / "tokenizer.json"))
    return folder
