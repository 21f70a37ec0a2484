"""Chooses the backend and builds the encoder."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from pc_worker.encoding.agreement import CLOSE, EXACT
from pc_worker.encoding.backends.onnx_backend import OnnxForward
from pc_worker.encoding.backends.torch_backend import torch_forward
from pc_worker.encoding.encoder import OVERLAP_TOKENS, TOKENS_PER_BATCH, Forward, ModelEncoder, Sizes
from pc_worker.encoding.export.onnx_cache import exported
from pc_worker.encoding.models.folder import ModelFolder, find_model
from pc_worker.encoding.models.identity import INT8, identify_folder
from pc_worker.encoding.protocol import Encoder, ModelIdentity
from pc_worker.encoding.text.tokens import load_tokens
from pc_worker.errors import EncodingFailed, ModelUnavailable
from pc_worker.logs import get_logger

TORCH, ONNX = "torch", "onnx"
BACKENDS = ("auto", TORCH, ONNX, INT8)
NVIDIA_DRIVER = Path("/dev/nvidiactl")

log = get_logger(__name__)


def load_encoder(
    model: str = "",
    *,
    cache: Path,
    backend: str = "auto",
    threads: int = 1,
    tokens_per_batch: int = TOKENS_PER_BATCH,
    overlap_tokens: int = OVERLAP_TOKENS,
) -> Encoder:
    """Load a model, ready to encode at full speed: once per process, after any fork.

    Args:
        model: Empty or ``builtin`` for the built-in one, the path of a folder, or a name in the
            local Hugging Face cache. Nothing is downloaded.
        cache: Folder for exported models, shared by all processes; made if missing.
        backend: ``auto`` (a GPU if there is one, else ONNX Runtime if it agrees with the
            reference, else PyTorch), ``torch``, ``onnx`` or ``onnx-int8``.
        threads: CPU threads of this encoder; cores ÷ processes.
        tokens_per_batch: Tokens of one batch, padding included; determines peak memory.
        overlap_tokens: Most tokens that neighbouring passages share.

    Raises:
        ModelUnavailable: If the model is not here, broken, or the backend does not agree with it.
    """
    # Read by the tokenizer at each call: its own threads would not survive a fork, and are not counted.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    folder = find_model(model)
    identity = identify_folder(folder, backend=backend, cache=cache)
    chosen, forward = _forward(folder, identity, backend=backend, cache=cache, threads=threads)
    sizes = Sizes(tokens_per_batch=tokens_per_batch, overlap_tokens=overlap_tokens)
    encoder = ModelEncoder(folder, load_tokens(folder), forward, identity=identity, backend=chosen, sizes=sizes)
    _warm(encoder, folder)
    return encoder


def _forward(
    folder: ModelFolder, identity: ModelIdentity, *, backend: str, cache: Path, threads: int
) -> tuple[str, Forward]:
    if backend not in BACKENDS:
        raise ModelUnavailable(f"there is no encoder {backend!r}: choose one of {', '.join(BACKENDS)}")
    if backend == TORCH or (backend == "auto" and _has_gpu()):
        return TORCH, torch_forward(folder, threads=threads)
    kind = INT8 if backend == INT8 else ONNX
    try:
        return kind, _onnx(folder, identity, kind=kind, cache=cache, threads=threads)
    except ModelUnavailable as error:
        if backend != "auto" or find_spec("torch") is None:
            raise
        log.warning("onnx_refused", model=folder.name, reason=str(error), instead=TORCH)
        return TORCH, torch_forward(folder, threads=threads)


def _onnx(folder: ModelFolder, identity: ModelIdentity, *, kind: str, cache: Path, threads: int) -> Forward:
    export = exported(folder, identity, backend=kind, cache=cache)
    found, needed, what = export.agreement.min_cosine, EXACT, "at least"
    if kind == INT8:
        found, needed, what = export.agreement.mean_cosine, CLOSE, "on average"
    log.info("encoder_agrees", model=folder.name, backend=kind, **export.agreement.rounded())
    if found < needed:
        raise ModelUnavailable(
            f"{kind} does not agree with the model {folder.name}: cosine {found:.5f} {what}, "
            f"{needed} needed; use the encoder {TORCH}"
        )
    return OnnxForward(export.graph, threads=threads)


def _has_gpu() -> bool:
    if not NVIDIA_DRIVER.exists() or find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())


def _warm(encoder: ModelEncoder, folder: ModelFolder) -> None:
    """Encode once: the first call is slow, and a broken model fails now."""
    try:
        encoder.encode(["warm"])
    except EncodingFailed as error:
        raise ModelUnavailable(f"the model in {folder.path} is broken: {error}") from error
