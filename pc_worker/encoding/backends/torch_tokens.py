"""A sentence-transformers model as one PyTorch module, from token ids to vectors."""

from __future__ import annotations

from typing import Any


def from_tokens(reference: Any, *, dimension: int) -> Any:
    """Return a PyTorch module of all modules of a model, the cut to its dimension and normalisation included.

    Args:
        reference: The ``SentenceTransformer``; its modules are shared, not copied.
        dimension: Dimension of the vectors.

    Returns:
        A module that takes ``ids``, ``mask`` and, where the prompt is not part of the vector, ``pooled``, each int64
        (texts, longest), and returns float32 (texts, dim).
    """
    import torch
    from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding

    class FromTokens(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ModuleList(reference)

        def forward(self, ids: Any, mask: Any, pooled: Any = None) -> Any:
            features = {"input_ids": ids, "attention_mask": mask}
            for part in self.parts:
                if isinstance(part, Pooling) and pooled is not None:
                    features["attention_mask"] = pooled
                features = _mean(part, features) if isinstance(part, StaticEmbedding) else part(features)
            # In fp16 their lengths would be wrong by 0.0003.
            return torch.nn.functional.normalize(features["sentence_embedding"][:, :dimension].float(), dim=1)

    return FromTokens()


def _mean(static: Any, features: dict[str, Any]) -> dict[str, Any]:
    """Do what the module does, on padded rows: the mean of the tokens' vectors."""
    import torch

    weights = static.embedding.weight
    kept = features["attention_mask"].unsqueeze(-1).to(weights.dtype)
    vectors = torch.nn.functional.embedding(features["input_ids"], weights)
    # The sum has the direction of the mean, but later modules need the length too.
    features["sentence_embedding"] = (vectors * kept).sum(dim=1) / kept.sum(dim=1).clamp(min=1)
    return features
