"""The length of a model's vectors, from its files alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from pc_worker.encoding.models.modules import Config, ModuleFolder, read_json
from pc_worker.errors import ModelUnavailable

#: What architectures call the width of their layers.
WIDTHS = ("hidden_size", "dim", "d_model", "n_embd", "hidden_dim")
#: The number that is the length of a module's output, by the kind of the module.
LENGTHS: Mapping[str, Sequence[str]] = {
    "Dense": ("out_features",),
    "LayerNorm": ("dimension",),
    "WeightedLayerPooling": ("embedding_dimension", "word_embedding_dimension"),
}


def vector_length(modules: Sequence[ModuleFolder], config: Config, *, limit: object) -> int:
    """Return the length of a vector: that of the last module which has one, at most ``limit``.

    Args:
        modules: All modules in order.
        config: The configuration of the first one.
        limit: The model's own ``truncate_dim``, or None.

    Raises:
        ModelUnavailable: If the files do not say.
    """
    for module in reversed(modules):
        if (length := _length(module, config)) is not None:
            return min(length, limit) if isinstance(limit, int) else length
    raise ModelUnavailable(
        f"the model is made of {', '.join(module.kind for module in modules)}: it is no text embedding model"
    )


def _length(module: ModuleFolder, config: Config) -> int | None:
    if module.kind == "Transformer":
        return _number({**config, **cast("Config", config.get("text_config") or {})}, *WIDTHS)
    if module.kind == "StaticEmbedding":
        return _table_width(module.path)
    if module.kind == "Pooling":
        pooling = read_json(module.path / "config.json")
        return _number(pooling, "embedding_dimension", "word_embedding_dimension") * _poolings(pooling)
    if module.kind in LENGTHS:
        return _number(read_json(module.path / "config.json"), *LENGTHS[module.kind])
    return None


def _poolings(pooling: Config) -> int:
    """Count the poolings that are concatenated in a vector; old files have a flag for each kind."""
    kinds = pooling.get("pooling_mode")
    if isinstance(kinds, list):
        return len(kinds)
    return max(1, sum(value is True for key, value in pooling.items() if key.startswith("pooling_mode_")))


def _table_width(folder: Path) -> int:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / "model.safetensors", framework="numpy") as file:
            table = next(name for name in ("embedding.weight", "embeddings") if name in file.keys())  # noqa: SIM118
            return int(file.get_slice(table).get_shape()[1])
    except (OSError, SafetensorError, StopIteration) as error:
        raise ModelUnavailable(f"{folder / 'model.safetensors'} has no table of embeddings: copy it again") from error


def _number(config: Config, *keys: str) -> int:
    for key in keys:
        if isinstance(value := config.get(key), int):
            return value
    raise ModelUnavailable(f"the model's configuration has no number {keys[0]!r}: it is no text embedding model")
