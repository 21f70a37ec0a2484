"""An ONNX graph with its matrix products in 8-bit integers, rounded per token and per output column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MICROSOFT = "com.microsoft"


def quantise(source: Path, target: Path) -> None:
    """Write ``source`` to ``target`` with every product of activations and weights in int8.

    Each token's activations have their own scale, taken from that token alone: so a text's
    vector does not depend on the other texts of a batch, as it does where ONNX Runtime's own
    dynamic quantisation takes one scale for the whole batch, and it agrees better with the exact one.
    """
    import onnx

    model = onnx.load(source)
    rewriter = _Rewriter(model.graph)
    nodes = [replacement for node in model.graph.node for replacement in rewriter.replaced(node)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    rewriter.drop_unused_weights()
    model.opset_import.append(onnx.helper.make_opsetid(MICROSOFT, 1))
    onnx.save(model, target)


class _Rewriter:
    """Replaces products by weights, and keeps what they share."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._rounded: dict[str, tuple[str, str]] = {}
        self._replaced: set[str] = set()
        # 127 steps on each side of zero, which is 128 in the unsigned bytes that CPUs multiply fastest.
        self._constant("int8_least", np.float32(1e-9))
        self._constant("int8_steps", np.float32(127))
        self._constant("int8_middle", np.float32(128.5))  # the half rounds, since the cast cuts
        self._constant("int8_zero", np.uint8(128))
        self._constant("int8_one", np.float32(1))

    def replaced(self, node: Any) -> list[Any]:
        """Return the nodes that stand for ``node``: itself, unless it multiplies by a weight matrix."""
        if node.op_type != "MatMul" or node.input[1] not in self._weights:
            return [node]
        activations, weights = node.input
        nodes = [] if activations in self._rounded else self._round_tokens(activations)
        return [*nodes, *self._product(activations, weights, node.output[0])]

    def drop_unused_weights(self) -> None:
        """Take the exact weights that nothing needs any more out of the graph."""
        used = {name for node in self._graph.node for name in node.input}
        kept = [tensor for tensor in self._graph.initializer if tensor.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)

    def _round_tokens(self, activations: str) -> list[Any]:
        from onnx import TensorProto
        from onnx.helper import make_node

        name = f"{activations}_int8"
        self._rounded[activations] = (name, f"{name}_scale")
        return [
            make_node("Abs", [activations], [f"{name}_size"]),
            make_node("ReduceMax", [f"{name}_size"], [f"{name}_max"], axes=[-1], keepdims=1),
            make_node("Max", [f"{name}_max", "int8_least"], [f"{name}_range"]),
            make_node("Div", ["int8_steps", f"{name}_range"], [f"{name}_factor"]),
            make_node("Div", [f"{name}_range", "int8_steps"], [f"{name}_scale"]),
            make_node("Mul", [activations, f"{name}_factor"], [f"{name}_scaled"]),
            make_node("Add", [f"{name}_scaled", "int8_middle"], [f"{name}_shifted"]),
            make_node("Cast", [f"{name}_shifted"], [name], to=TensorProto.UINT8),
        ]

    def _product(self, activations: str, weights: str, output: str) -> list[Any]:
        from onnx.helper import make_node
        from onnx.numpy_helper import to_array

        rounded, scale = self._rounded[activations]
        integers = self._weight(weights, to_array(self._weights[weights]))
        inputs = [rounded, integers, "int8_one", f"{integers}_scale", "int8_zero", f"{integers}_zero"]
        return [
            make_node("MatMulIntegerToFloat", inputs, [f"{output}_unscaled"], domain=MICROSOFT),
            make_node("Mul", [f"{output}_unscaled", scale], [output]),
        ]

    def _weight(self, name: str, exact: NDArray[np.float32]) -> str:
        integers = f"{name}_int8"
        if name not in self._replaced:
            scales = (np.abs(exact).max(axis=0).clip(min=1e-9) / 127).astype(np.float32)
            self._constant(integers, np.round(exact / scales).astype(np.int8))
            self._constant(f"{integers}_scale", scales)
            self._constant(f"{integers}_zero", np.zeros(exact.shape[1], dtype=np.int8))
            self._replaced.add(name)
        return integers

    def _constant(self, name: str, value: NDArray[Any] | np.generic) -> None:
        from onnx.numpy_helper import from_array

        self._graph.initializer.append(from_array(np.asarray(value), name))
