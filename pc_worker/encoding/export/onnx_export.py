"""A model as an ONNX graph, with how well it agrees; a program of its own, for the memory that it takes.

The built-in model's graph is built from its weights; that of any other needs PyTorch.
Run as ``python -m pc_worker.encoding.export.onnx_export MODEL BACKEND FOLDER``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pc_worker.encoding.agreement import compared, probe_texts
from pc_worker.encoding.backends.onnx_backend import OnnxForward
from pc_worker.encoding.backends.torch_backend import load_reference, reference_vectors
from pc_worker.encoding.encoder import ModelEncoder, Sizes
from pc_worker.encoding.export.bert_graph import OPSET, build_graph
from pc_worker.encoding.export.int8 import quantise
from pc_worker.encoding.export.reference_vectors import stored_reference
from pc_worker.encoding.models.folder import ModelFolder, find_model
from pc_worker.encoding.models.identity import INT8, identify_folder
from pc_worker.encoding.protocol import ModelIdentity, Vectors
from pc_worker.encoding.text.tokens import load_tokens
from pc_worker.errors import ModelUnavailable

GRAPH = "model.onnx"
AGREEMENT = "agreement.json"


def main(model: str, backend: str, target: Path) -> None:
    """Write the graph of ``model`` and its agreement with the reference into the folder ``target``."""
    folder, probes = find_model(model), probe_texts()
    expected = _write_exact(folder, target / GRAPH, probes)
    if backend == INT8:
        exact = (target / GRAPH).rename(target / "exact.onnx")
        quantise(exact, target / GRAPH)
        exact.unlink()
    agreement = compared(_encoder(folder, target / GRAPH).encode(probes), expected)
    (target / AGREEMENT).write_text(json.dumps(asdict(agreement)), encoding="utf-8")


def _write_exact(folder: ModelFolder, graph: Path, probes: list[str]) -> Vectors:
    """Write the graph and return the reference's vectors of ``probes``, shape (texts, dim)."""
    revision = identify_folder(folder, backend="onnx", cache=None).revision
    if (expected := stored_reference(revision, probes)) is not None:
        build_graph(folder, graph)
        return expected
    reference = load_reference(folder)
    expected = reference_vectors(reference, probes, prompt=folder.document_prompt)
    export_graph(reference, graph)
    return expected


def export_graph(reference: Any, target: Path) -> None:
    """Write the model as a graph, with pooling and normalisation.

    Its inputs are ``ids`` and ``mask``, both int64 (texts, longest); its output is float32 (texts, dim).
    The attention of ``reference`` is changed to the form that a graph can hold.
    """
    import torch

    reference[0].auto_model.set_attn_implementation("eager")
    example = torch.ones(2, 16, dtype=torch.int64)
    rows, columns = {0: "texts", 1: "longest"}, {0: "texts"}
    torch.onnx.export(
        _whole(reference).eval(),
        (example, torch.ones_like(example)),
        str(target),
        dynamo=False,  # the newer exporter needs two more packages and makes the same graph
        opset_version=OPSET,
        input_names=["ids", "mask"],
        output_names=["vectors"],
        dynamic_axes={"ids": rows, "mask": rows, "vectors": columns},
    )


def _whole(reference: Any) -> Any:
    import torch

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.reference = reference

        def forward(self, ids: Any, mask: Any) -> Any:
            vectors = self.reference({"input_ids": ids, "attention_mask": mask})["sentence_embedding"]
            return torch.nn.functional.normalize(vectors, dim=1)

    return Whole()


def _encoder(folder: ModelFolder, graph: Path) -> ModelEncoder:
    return ModelEncoder(
        folder,
        load_tokens(folder),
        OnnxForward(graph, threads=1),
        identity=ModelIdentity(name=folder.name, revision="", dimension=folder.dimension),
        backend="onnx",
        sizes=Sizes(),
    )


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    except ModelUnavailable as refused:
        sys.exit(str(refused))
