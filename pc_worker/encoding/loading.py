"""Chooses the backend and builds the encoder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pc_worker.encoding.agreement import CLOSE, EXACT
from pc_worker.encoding.backends.onnx_backend import OnnxForward
from pc_worker.encoding.backends.torch_backend import GPU_TOKENS_PER_BATCH, gpu_name, torch_forward
from pc_worker.encoding.encoder import OVERLAP_TOKENS, TOKENS_PER_BATCH, BatchSizes, Forward, ModelEncoder
from pc_worker.encoding.export.checked import CheckedModel, checked
from pc_worker.encoding.models.finding import find_model, other_revisions
from pc_worker.encoding.models.folder import ModelFolder
from pc_worker.encoding.models.identity import INT8, identify_folder
from pc_worker.encoding.protocol import Encoder, ModelIdentity
from pc_worker.encoding.text.tokens import load_tokens
from pc_worker.errors import EncodingFailed, ModelUnavailable
from pc_worker.logs import get_logger

TORCH, ONNX = "torch", "onnx"
BACKENDS = ("auto", TORCH, ONNX, INT8)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A backend with a model in it."""

    backend: str
    forward: Forward
    made: CheckedModel
    tokens_per_batch: int = TOKENS_PER_BATCH


def load_encoder(
    model: str = "",
    *,
    cache: Path,
    revision: str = "",
    backend: str = "auto",
    threads: int = 1,
    tokens_per_batch: int | None = None,
    overlap_tokens: int = OVERLAP_TOKENS,
) -> Encoder:
    """Load a model, ready to encode at full speed: once per process, after any fork.

    Args:
        model: Empty or ``builtin`` for the built-in one, ``multilingual``, the path of a folder, or the name
            of a pulled model or of one in the local Hugging Face cache. Nothing is downloaded.
        cache: Folder for pulled and exported models, shared by all processes; made if missing.
        revision: The revision of its identity: if several were pulled, the one that has it; empty = the last one.
        backend: ``auto`` (a GPU if there is one, else ONNX Runtime if it agrees with the
            reference, else PyTorch), ``torch``, ``onnx`` or ``onnx-int8``.
        threads: CPU threads of this encoder; cores ÷ processes.
        tokens_per_batch: Tokens of one batch, padding included; determines peak memory. None = what suits a CPU or GPU.
        overlap_tokens: Maximum tokens that neighbouring passages share.

    Raises:
        ModelUnavailable: If the model is not here, broken, or no backend agrees with the reference.
    """
    # Read by the tokenizer at each call: its own threads would not survive a fork, and are not counted. See ``_torch``.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if backend not in BACKENDS:
        raise ModelUnavailable(f"there is no encoder {backend!r}: choose one of {', '.join(BACKENDS)}")
    folder, identity = _found(model, revision, backend=backend, cache=cache)
    ready = _ready(folder, identity, backend=backend, cache=cache, threads=threads)
    encoder = ModelEncoder(
        folder,
        load_tokens(folder, saved=ready.made.tokenizer),
        ready.forward,
        identity=identity,
        backend=ready.backend,
        sizes=BatchSizes(tokens_per_batch=tokens_per_batch or ready.tokens_per_batch, overlap_tokens=overlap_tokens),
    )
    _warm(encoder, folder)
    return encoder


def _found(model: str, revision: str, *, backend: str, cache: Path) -> tuple[ModelFolder, ModelIdentity]:
    last = find_model(model, cache=cache)
    identity = identify_folder(last, backend=backend, cache=cache)
    if revision not in ("", identity.revision):
        for folder in other_revisions(model, cache=cache):
            if (other := identify_folder(folder, backend=backend, cache=cache)).revision == revision:
                return folder, other
    return last, identity


def _ready(folder: ModelFolder, identity: ModelIdentity, *, backend: str, cache: Path, threads: int) -> _Ready:
    if backend == TORCH or (backend == "auto" and gpu_name()):
        return _torch(folder, identity, cache=cache, threads=threads)
    kind = INT8 if backend == INT8 else ONNX
    try:
        made = _agreeing(folder, identity, kind=kind, cache=cache)
        return _Ready(kind, OnnxForward(made.graph, threads=threads), made)
    except ModelUnavailable as error:
        if backend != "auto" or find_spec("torch") is None:
            raise
        log.warning("onnx_refused", model=folder.name, reason=str(error), instead=TORCH)
        return _torch(folder, identity, cache=cache, threads=threads)


def _torch(folder: ModelFolder, identity: ModelIdentity, *, cache: Path, threads: int) -> _Ready:
    gpu = gpu_name()
    if gpu:
        _tokenize_in_parallel(threads)
    made = _agreeing(folder, identity, kind=TORCH, cache=cache, device=gpu)
    tokens = GPU_TOKENS_PER_BATCH if gpu else TOKENS_PER_BATCH
    return _Ready(TORCH, torch_forward(folder, threads=threads, by_tokens=made.by_tokens), made, tokens)


def _tokenize_in_parallel(threads: int) -> None:
    """Tokenize on several threads: on one, a GPU would wait most of the time. A process with a GPU never forks."""
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    os.environ.setdefault("RAYON_NUM_THREADS", str(threads))


def _agreeing(
    folder: ModelFolder, identity: ModelIdentity, *, kind: str, cache: Path, device: str = ""
) -> CheckedModel:
    """Return the model for a backend, if its vectors agree with the reference's.

    Raises:
        ModelUnavailable: If they do not, or the backend cannot run it.
    """
    made = checked(folder, identity, backend=kind, cache=cache, device=device)
    found, needed, what = made.agreement.min_cosine, EXACT, "at least"
    if kind == INT8:
        found, needed, what = made.agreement.mean_cosine, CLOSE, "on average"
    log.info("encoder_agrees", model=folder.name, backend=kind, **made.agreement.rounded())
    if found < needed:
        other = "" if kind == TORCH else f"; use the encoder {TORCH}"
        raise ModelUnavailable(
            f"{kind} does not agree with the model {folder.name}: cosine {found:.5f} {what}, {needed} needed{other}"
        )
    return made


def _warm(encoder: ModelEncoder, folder: ModelFolder) -> None:
    """Encode once: the first call is slow, and a broken model fails now."""
    try:
        encoder.encode(["warm"])
    except EncodingFailed as error:
        raise ModelUnavailable(f"the model in {folder.path} is broken: {error}") from error
