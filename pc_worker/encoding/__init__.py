"""Texts to vectors: models, their identity, and encoders that agree with the reference.

The modules that run models and engines are imported when they are first used: code that only needs types does without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pc_worker.encoding.protocol import Encoder, KnowsScripts, ModelIdentity, Span, Vector, Vectors
from pc_worker.encoding.text.normalise import normalised_text, text_hash
from pc_worker.errors import EncodingFailed, ModelUnavailable
from pc_worker.late_names import late_names

if TYPE_CHECKING:
    from pc_worker.encoding.agreement import Agreement, compared
    from pc_worker.encoding.isolating import encode_isolating
    from pc_worker.encoding.loading import BACKENDS, load_encoder
    from pc_worker.encoding.models.identity import identify_model

__all__ = [
    "BACKENDS",
    "Agreement",
    "Encoder",
    "EncodingFailed",
    "KnowsScripts",
    "ModelIdentity",
    "ModelUnavailable",
    "Span",
    "Vector",
    "Vectors",
    "compared",
    "encode_isolating",
    "identify_model",
    "load_encoder",
    "normalised_text",
    "text_hash",
]

__getattr__ = late_names(
    __name__,
    {
        **dict.fromkeys(("Agreement", "compared"), "agreement"),
        "encode_isolating": "isolating",
        **dict.fromkeys(("BACKENDS", "load_encoder"), "loading"),
        "identify_model": "models.identity",
    },
)
