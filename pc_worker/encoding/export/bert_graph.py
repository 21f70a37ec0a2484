"""The ONNX graph of a BERT text encoder, built from its weights without PyTorch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pc_worker.encoding.models.folder import ModelFolder
from pc_worker.errors import ModelUnavailable

OPSET = 17  # the first with LayerNormalization; every ONNX Runtime since 2022 has it
IR_VERSION = 8  # of the same age
MODULES = ["Transformer", "Pooling", "Normalize"]
BLOCK = 32  # weights with one scale, where they were rounded to four bits
FLOAT = 1  # onnx.TensorProto.FLOAT
#: What the graph computes; a model that differs in one of these needs PyTorch.
ARCHITECTURE = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
POOLING = "pooling_mode_mean_tokens"


def build_graph(folder: ModelFolder, target: Path) -> None:
    """Write the whole model, mean pooling and normalisation included, as a graph.

    Its inputs are ``ids`` and ``mask``, both int64 (texts, longest); its output is float32 (texts, dim).

    Raises:
        ModelUnavailable: If the model is not a BERT with mean pooling and normalisation.
    """
    import onnx
    from safetensors.numpy import load_file

    config = _checked_config(folder)
    graph = _Graph(load_file(folder.path / "model.safetensors"), epsilon=config["layer_norm_eps"])
    kept = graph.node("Cast", "mask", to=FLOAT)
    bias = _attention_bias(graph, kept)
    hidden = _embeddings(graph)
    for layer in range(config["num_hidden_layers"]):
        hidden = _layer(graph, hidden, bias, f"encoder.layer.{layer}", heads=config["num_attention_heads"])
    _pooled(graph, hidden, kept)
    onnx.save(graph.model(dimension=folder.dimension), target)


def _checked_config(folder: ModelFolder) -> dict[str, Any]:
    config, pooling, modules = (
        json.loads((folder.path / name).read_text(encoding="utf-8"))
        for name in ("config.json", "1_Pooling/config.json", "modules.json")
    )
    kinds = [module["type"].rpartition(".")[2] for module in modules]
    modes = [key for key, value in pooling.items() if key.startswith("pooling_mode_") and value is True]
    if {**ARCHITECTURE, **config}.items() >= ARCHITECTURE.items() and kinds == MODULES and modes == [POOLING]:
        return dict(config)
    raise ModelUnavailable(f"{folder.path} is not a BERT with mean pooling: its graph cannot be built without PyTorch")


class _Graph:
    """A graph under construction; each method returns the name of the value that it adds."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], *, epsilon: float) -> None:
        self._weights, self._epsilon = weights, epsilon
        self._nodes: list[Any] = []
        self._constants: dict[str, NDArray[Any]] = {}

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add an operation."""
        from onnx.helper import make_node

        name = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(make_node(operator, list(inputs), [name], **attributes))
        return name

    def integers(self, *values: int) -> str:
        """Add a constant int64 vector."""
        return self._constant("_".join(map(str, ("integers", *values))), np.array(values, dtype=np.int64))

    def number(self, value: float) -> str:
        """Add a constant float32 scalar."""
        return self._constant(f"number_{value}", np.asarray(value, dtype=np.float32))

    def weight(self, name: str) -> str:
        """Add a weight as the model has it."""
        return self._constant(name, self._weights[name])

    def values(self, name: str) -> NDArray[np.float32]:
        """Return a weight, shape (outputs, inputs) or (n,), without adding it."""
        return self._weights[name]

    def table(self, name: str, value: NDArray[Any]) -> str:
        """Add a constant of any shape (n, …) under its own name."""
        return self._constant(name, value)

    def width(self, name: str) -> int:
        """Return the last dimension of a weight."""
        return int(self._weights[name].shape[-1])

    def dense(self, values: str, prefix: str) -> str:
        """Add ``values`` · weightᵀ + bias."""
        weight = self._constant(f"{prefix}.transposed", np.ascontiguousarray(self._weights[f"{prefix}.weight"].T))
        return self.node("Add", self.node("MatMul", values, weight), self.weight(f"{prefix}.bias"))

    def normalised(self, values: str, prefix: str) -> str:
        """Add a layer normalisation."""
        inputs = (values, self.weight(f"{prefix}.weight"), self.weight(f"{prefix}.bias"))
        return self.node("LayerNormalization", *inputs, axis=-1, epsilon=self._epsilon)

    def model(self, *, dimension: int) -> Any:
        """Return the finished ``onnx.ModelProto``."""
        from onnx import TensorProto, helper, numpy_helper

        graph = helper.make_graph(
            self._nodes,
            "text_encoder",
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "longest"]) for name in ("ids", "mask")],
            [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", dimension])],
            [numpy_helper.from_array(value, name) for name, value in self._constants.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        self._constants[name] = value
        return name


def _attention_bias(graph: _Graph, kept: str) -> str:
    """Add what the attention scores get, (texts, 1, 1, longest): 0 for a token, the least float for padding."""
    padding = graph.node("Sub", graph.number(1), kept)
    bias = graph.node("Mul", padding, graph.number(float(np.finfo(np.float32).min)))
    return graph.node("Unsqueeze", bias, graph.integers(1, 2))


def _embeddings(graph: _Graph) -> str:
    """Add the sum of word, token type 0 and position, normalised: (texts, longest, width)."""
    words = _words(graph)
    types = graph.node("Gather", graph.weight("embeddings.token_type_embeddings.weight"), graph.integers(0))
    longest = graph.node("Shape", "ids", start=1, end=2)
    table = graph.weight("embeddings.position_embeddings.weight")
    positions = graph.node("Slice", table, graph.integers(0), longest, graph.integers(0))
    added = graph.node("Add", graph.node("Add", words, types), positions)
    return graph.normalised(added, "embeddings.LayerNorm")


def _words(graph: _Graph) -> str:
    """Add the words' vectors, from a table in four bits where the model's weights are such: a fifth of the memory."""
    name = "embeddings.word_embeddings.weight"
    if (rounded := in_blocks(graph.values(name))) is None:
        return graph.node("Gather", graph.weight(name), "ids")
    steps = graph.node("Gather", graph.table(f"{name}.steps", rounded[0]), "ids")
    scales = graph.node("Gather", graph.table(f"{name}.scales", rounded[1]), "ids")
    floats = graph.node("Cast", steps, to=FLOAT)
    parts = graph.node("Reshape", floats, graph.integers(0, 0, -1, BLOCK))
    scaled = graph.node("Mul", parts, graph.node("Unsqueeze", scales, graph.integers(-1)))
    return graph.node("Reshape", scaled, graph.integers(0, 0, graph.width(name)))


def in_blocks(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
    """Return steps and scales whose products are exactly ``table``, else None.

    ``table`` and the steps have the shape (rows, width), the scales (rows, blocks).

    Weights that were rounded to four bits, 32 with one scale, are such products: the largest is -8 steps.
    """
    if table.shape[1] % BLOCK:
        return None
    blocks = table.reshape(-1, BLOCK)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1, keepdims=True), axis=1)
    scales = largest / np.float32(-8)
    steps = np.rint(np.divide(blocks, scales, out=np.zeros_like(blocks), where=scales != 0))
    if not np.array_equal(steps * scales, blocks):
        return None
    return steps.astype(np.int8).reshape(table.shape), scales.reshape(len(table), -1)


def _layer(graph: _Graph, hidden: str, bias: str, prefix: str, *, heads: int) -> str:
    """Add a transformer layer: attention and feed-forward, each with its residual and normalisation."""
    attended = _attention(graph, hidden, bias, f"{prefix}.attention.self", heads=heads)
    attended = graph.node("Add", graph.dense(attended, f"{prefix}.attention.output.dense"), hidden)
    attended = graph.normalised(attended, f"{prefix}.attention.output.LayerNorm")
    wide = _gelu(graph, graph.dense(attended, f"{prefix}.intermediate.dense"))
    narrow = graph.node("Add", graph.dense(wide, f"{prefix}.output.dense"), attended)
    return graph.normalised(narrow, f"{prefix}.output.LayerNorm")


def _attention(graph: _Graph, hidden: str, bias: str, prefix: str, *, heads: int) -> str:
    width = graph.width(f"{prefix}.query.bias")

    def split(name: str, *order: int) -> str:
        dense = graph.dense(hidden, f"{prefix}.{name}")
        per_head = graph.node("Reshape", dense, graph.integers(0, 0, heads, width // heads))
        return graph.node("Transpose", per_head, perm=order)

    scores = graph.node("MatMul", split("query", 0, 2, 1, 3), split("key", 0, 2, 3, 1))
    scaled = graph.node("Mul", scores, graph.number((width / heads) ** -0.5))
    shares = graph.node("Softmax", graph.node("Add", scaled, bias), axis=-1)
    mixed = graph.node("MatMul", shares, split("value", 0, 2, 1, 3))
    together = graph.node("Transpose", mixed, perm=(0, 2, 1, 3))
    return graph.node("Reshape", together, graph.integers(0, 0, width))


def _gelu(graph: _Graph, values: str) -> str:
    """Add x · (1 + erf(x / √2)) / 2, in the form that ONNX Runtime fuses."""
    error = graph.node("Erf", graph.node("Div", values, graph.number(2**0.5)))
    doubled = graph.node("Mul", values, graph.node("Add", error, graph.number(1)))
    return graph.node("Mul", doubled, graph.number(0.5))


def _pooled(graph: _Graph, hidden: str, kept: str) -> None:
    """Add the output: the mean over the tokens without padding, at length 1."""
    weighted = graph.node("Mul", hidden, graph.node("Unsqueeze", kept, graph.integers(-1)))
    # The sum has the direction of the mean, and the length is 1 in the end.
    total = graph.node("ReduceSum", weighted, graph.integers(1), keepdims=0)
    length = graph.node("ReduceL2", total, axes=[-1], keepdims=1)
    graph.node("Div", total, graph.node("Max", length, graph.number(1e-12)), output="vectors")
