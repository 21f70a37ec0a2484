"""The ONNX graph of any sentence-transformers model, exported by PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pc_worker.encoding.backends.torch_tokens import from_tokens
from pc_worker.encoding.export.bert_graph import OPSET
from pc_worker.encoding.models.folder import ModelFolder


class NotExportable(Exception):
    """The model does what no graph of ours does, so that PyTorch must run it."""


def export_graph(reference: Any, folder: ModelFolder, target: Path) -> None:
    """Write the whole model as a graph, all its modules, the cut to its dimension and normalisation included.

    Its inputs are ``ids`` and ``mask``, and ``pooled`` where the prompt is not part of the vector, each int64 (texts,
    longest); its output is float32 (texts, dim). The attention of ``reference`` is changed to the form that a graph
    can hold.

    Raises:
        NotExportable: If PyTorch cannot export it.
    """
    import torch

    names = ["ids", "mask"] if folder.prompt_counts else ["ids", "mask", "pooled"]
    if hasattr(reference[0], "auto_model"):
        reference[0].auto_model.set_attn_implementation("eager")
    example = torch.ones(2, 16, dtype=torch.int64)
    try:
        torch.onnx.export(
            from_tokens(reference, dimension=folder.dimension).eval(),
            (example,) * len(names),
            str(target),
            dynamo=False,  # the newer exporter needs two more packages and makes the same graph
            opset_version=OPSET,
            input_names=names,
            output_names=["vectors"],
            dynamic_axes={"vectors": {0: "texts"}} | {name: {0: "texts", 1: "longest"} for name in names},
        )
    except Exception as error:  # of many kinds, depending on the architecture
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise NotExportable(f"PyTorch cannot export it: {reason}") from error
