"""A sentence-transformers model on disk: what its configuration says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pc_worker.encoding.models.dimension import vector_length
from pc_worker.encoding.models.modules import (
    Config,
    ModuleFolder,
    all_folders,
    check_for_code,
    document_modules,
    listed_modules,
    read_json,
)
from pc_worker.errors import ModelUnavailable

SENTENCE_CONFIGS = (
    "sentence_bert_config.json",
    *(
        f"sentence_{kind}_config.json"
        for kind in ("roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
    ),
)
SHAPING = (  # the files that, with the weights, determine a vector
    "config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "router_config.json",
    "adapter_config.json",
    "chat_template.jinja",
    *SENTENCE_CONFIGS[1:],
)
#: Files of tokenizers, which count only where there is no ``tokenizer.json``.
OLD_TOKENIZERS = ("vocab.txt", "vocab.json", "merges.txt", "*.model", "added_tokens.json", "special_tokens_map.json")
# Models whose first position follows the padding token's id.
COUNTING_FROM_PADDING = {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet"}
READERS = ("Transformer", "StaticEmbedding")  # modules that make vectors of texts
UNLIMITED = 1 << 20  # tokens: the window of a model without one
NO_LIMIT = 10**9  # tokenizers without a limit have 10^30


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """A model's properties that are known without loading its weights.

    Attributes:
        path: The folder, resolved.
        name: The model's name for people.
        modules: The kinds of its modules, in order.
        tokens: The folder of the tokenizer for documents.
        dimension: Length of a vector.
        max_tokens: The window, special tokens included.
        padding: Id of the padding token.
        lower_case: Whether texts are lower-cased before tokenization.
        special_tokens: Whether the tokenizer adds tokens at the start and the end.
        document_prompt: The prefix of each text.
        query_prompt: The prefix of each query.
        prompt_counts: Whether the prompt's tokens are part of the pooling.
    """

    path: Path
    name: str
    modules: tuple[str, ...]
    tokens: Path
    dimension: int
    max_tokens: int
    padding: int
    lower_case: bool
    special_tokens: bool
    document_prompt: str
    query_prompt: str
    prompt_counts: bool

    @property
    def shaping_files(self) -> list[Path]:
        """The files that determine a vector: weights, tokenizer and configuration of every module.

        Raises:
            ModelUnavailable: If there are no weights among them.
        """
        folders = all_folders(self.path)
        weights = [file for folder in folders for file in _weights(folder)]
        if not weights:
            raise ModelUnavailable(f"the model folder {self.path} has no *.safetensors or *.bin: copy it again")
        named = [file for folder in folders for name in SHAPING if (file := folder / name).is_file()]
        old = [file for folder in folders for file in _old_tokenizer(folder)]
        return weights + named + old


def read_folder(path: Path, name: str) -> ModelFolder:
    """Read the configuration of the model in ``path``.

    Raises:
        ModelUnavailable: If it is not a sentence-transformers model.
    """
    listed = listed_modules(path)
    parts = document_modules(listed) or [ModuleFolder("Transformer", path)]
    if parts[0].kind not in READERS:
        raise ModelUnavailable(
            f"the model {name} is made of {', '.join(part.kind for part in parts)}: its first module must be one of "
            f"{', '.join(READERS)}"
        )
    first, static = parts[0].path, parts[0].kind == "StaticEmbedding"
    config = {} if static else read_json(first / "config.json")
    check_for_code(config, name)
    sentence = _sentence_config(first)
    whole = read_json(path / "config_sentence_transformers.json", missing={})
    prompts = cast("dict[str, str | None]", whole.get("prompts") or {})
    return ModelFolder(
        path=path,
        name=name,
        modules=tuple(module.kind for module in listed),
        tokens=first,
        dimension=vector_length(parts, config, limit=whole.get("truncate_dim")),
        max_tokens=_static_window(first) if static else _window(first, config, sentence),
        padding=padding if isinstance(padding := config.get("pad_token_id"), int) else 0,
        lower_case=bool(sentence.get("do_lower_case", False)),
        special_tokens=not static,
        # Models have both names, maybe with nothing: no other prompt applies, the default one neither.
        document_prompt=prompts.get("document") or "",
        query_prompt=prompts.get("query") or "",
        prompt_counts=_prompt_counts(parts),
    )


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))


def _old_tokenizer(folder: Path) -> list[Path]:
    if (folder / "tokenizer.json").is_file():
        return []
    return sorted(file for name in OLD_TOKENIZERS for file in folder.glob(name))


def _sentence_config(folder: Path) -> Config:
    return next((read_json(file) for name in SENTENCE_CONFIGS if (file := folder / name).is_file()), {})


def _prompt_counts(parts: Sequence[ModuleFolder]) -> bool:
    poolings = [read_json(part.path / "config.json") for part in parts if part.kind == "Pooling"]
    return all(pooling.get("include_prompt", True) for pooling in poolings)


def _window(folder: Path, config: Config, sentence: Config) -> int:
    if isinstance(window := sentence.get("max_seq_length"), int):
        return window
    text = cast("Config", config.get("text_config") or config)
    places = text.get("max_position_embeddings")
    limits = [read_json(folder / "tokenizer_config.json", missing={}).get("model_max_length")]
    if isinstance(places, int) and places > 0:
        counted = config.get("model_type") in COUNTING_FROM_PADDING
        limits.append(places - counted * (1 + cast("int", config.get("pad_token_id") or 0)))
    return min((limit for limit in limits if isinstance(limit, int) and limit < NO_LIMIT), default=UNLIMITED)


def _static_window(folder: Path) -> int:
    truncation = read_json(folder / "tokenizer.json", missing={}).get("truncation") or {}
    window = cast("Config", truncation).get("max_length")
    return window if isinstance(window, int) else UNLIMITED
