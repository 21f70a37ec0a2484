"""Texts to vectors: models, their identity, and encoders that agree with the reference."""

from __future__ import annotations

from pc_worker.encoding.agreement import Agreement, compared
from pc_worker.encoding.isolating import encode_isolating
from pc_worker.encoding.loading import BACKENDS, load_encoder
from pc_worker.encoding.models.identity import identify_model
from pc_worker.encoding.protocol import Encoder, KnowsScripts, ModelIdentity, Span, Vector, Vectors
from pc_worker.encoding.text.normalise import normalised_text, text_hash
from pc_worker.errors import EncodingFailed, ModelUnavailable

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
