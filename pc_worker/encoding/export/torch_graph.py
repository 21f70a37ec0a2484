"""The ONNX graph of any sentence-transformers model, exported by PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
            _whole(reference, dimension=folder.dimension).eval(),
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


def _whole(reference: Any, *, dimension: int) -> Any:
    import torch
    from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ModuleList(reference)

        def forward(self, ids: Any, mask: Any, pooled: Any = None) -> Any:
            features = {"input_ids": ids, "attention_mask": mask}
            for part in self.parts:
                if isinstance(part, Pooling) and pooled is not None:
                    features["attention_mask"] = pooled
                features = _mean(part, features) if isinstance(part, StaticEmbedding) else part(features)
            return torch.nn.functional.normalize(features["sentence_embedding"][:, :dimension], dim=1)

    return Whole()


def _mean(static: Any, features: dict[str, Any]) -> dict[str, Any]:
    """Do what the module does, on padded rows: the mean of the tokens' vectors."""
    import torch

    kept = features["attention_mask"].unsqueeze(-1).float()
    vectors = torch.nn.functional.embedding(features["input_ids"], static.embedding.weight)
    # The sum has the direction of the mean, but later modules need the length too.
    features["sentence_embedding"] = (vectors * kept).sum(dim=1) / kept.sum(dim=1).clamp(min=1)
    return features
