"""The reference backend: sentence-transformers itself, in fp16 on a GPU if the vectors agree."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from pc_worker.encoding.agreement import EXACT, compared, probe_queries, probe_texts
from pc_worker.encoding.backends.torch_tokens import from_tokens
from pc_worker.encoding.bisect import bisect
from pc_worker.encoding.encoder import Forward
from pc_worker.encoding.models.folder import ModelFolder
from pc_worker.encoding.protocol import Vector, Vectors
from pc_worker.encoding.text.batches import TokenBatch
from pc_worker.errors import EncodingFailed, ModelUnavailable
from pc_worker.logs import get_logger

NOT_INSTALLED = (
    "PyTorch and sentence-transformers are not installed here: pip install 'pc-worker[models]', in a checkout"
    " `.venv/bin/pip install -r requirements.txt`, or let a worker that has them embed something first"
)
#: What loading a broken or unknown model raises, depending on where it is broken.
BROKEN = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError, SafetensorError)
#: What a model raises that cannot take a text.
UNFIT = (IndexError, ValueError, RuntimeError)

NVIDIA_DRIVER = Path("/dev/nvidiactl")
#: Tokens of a batch on a GPU: as many as sentence-transformers takes by default, 32 texts of 256. The batches that are
#: best on a CPU would leave a GPU idle.
GPU_TOKENS_PER_BATCH = 32 * 256

log = get_logger(__name__)


def load_reference(folder: ModelFolder, *, device: str = "cpu") -> Any:
    """Return the ``SentenceTransformer`` of ``folder``, in fp32, also if its weights are stored in fewer bits.

    Nothing is downloaded, no code of the model is executed.

    Raises:
        ModelUnavailable: If sentence-transformers is not installed, or cannot load it.
    """
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging
    except ModuleNotFoundError as error:
        raise ModelUnavailable(f"the model {folder.name} cannot be loaded: {NOT_INSTALLED}") from error
    logging.disable_progress_bar()
    try:
        model = SentenceTransformer(str(folder.path), device=device, local_files_only=True, trust_remote_code=False)
    except BROKEN as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelUnavailable(f"the model in {folder.path} cannot be loaded: {reason}") from error
    if folder.modules[:1] in ((), ("Transformer",)) and model.max_seq_length is not None:
        # Some models have fewer positions than their configuration says, and fail on longer texts.
        model.max_seq_length = min(model.max_seq_length, folder.max_tokens)
    return model.float().eval()


def reference_vectors(model: Any) -> Vectors:
    """Return sentence-transformers' vectors of the probe texts and, below them, of the probe queries.

    L2-normalised, shape (texts + queries, dim).

    A row is NaN where there is no vector: the model cannot take the text, or finds nothing in it.
    """
    queries = _exact(model.encode_query, probe_queries())
    return np.vstack([_exact(model.encode_document, probe_texts()), queries])


def _exact(encode: Callable[..., Any], texts: Sequence[str]) -> Vectors:
    def some(part: Sequence[str]) -> list[Vector]:
        try:
            return list(np.asarray(encode(list(part), show_progress_bar=False), dtype=np.float32))
        except UNFIT as error:
            raise EncodingFailed(str(error)) from error

    rows = bisect(texts, some, failure=EncodingFailed)
    width = max((len(row) for row in rows if not isinstance(row, EncodingFailed)), default=1)
    nothing = np.full(width, np.nan, dtype=np.float32)
    vectors = np.stack([nothing if isinstance(row, EncodingFailed) else row for row in rows])
    with np.errstate(invalid="ignore", divide="ignore"):
        # Here, not by the model: in fp16 its lengths would be wrong by 0.0003.
        normalised: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return normalised


def gpu_name() -> str:
    """Return the name of the GPU as a word, empty if there is none or PyTorch is not installed."""
    if not NVIDIA_DRIVER.exists() or find_spec("torch") is None:
        return ""
    import torch

    return "-".join(torch.cuda.get_device_name().split()) if torch.cuda.is_available() else ""


def torch_forward(folder: ModelFolder, *, threads: int, by_tokens: bool, loaded: Any = None) -> Forward:
    """Load ``folder`` on the GPU, or without one on ``threads`` threads of the CPU.

    Args:
        folder: The model.
        threads: Threads of the whole process: PyTorch has no other setting.
        by_tokens: Whether the model is given our tokens; else sentence-transformers makes its own of the texts.
        loaded: What ``load_reference`` returned for the CPU, not to be loaded twice.

    Raises:
        ModelUnavailable: If PyTorch is not installed, or the model cannot be loaded.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise ModelUnavailable(f"the model {folder.name} cannot be loaded: {NOT_INSTALLED}") from error
    torch.set_num_threads(threads)
    if torch.cuda.is_available():
        model = in_fp16_if_equal(load_reference(folder, device="cuda"), folder)
    else:
        model = loaded or load_reference(folder)
    return _TorchForward(_FromTokens(model, folder) if by_tokens else _FromTexts(model))


def in_fp16_if_equal(model: Any, folder: ModelFolder, *, min_cosine: float = EXACT) -> Any:
    """Return ``model`` in fp16 if its vectors agree with those in fp32, else in fp32."""
    exact = reference_vectors(model)
    kept = np.isfinite(exact).all(axis=1)
    found = compared(reference_vectors(model.half())[kept], exact[kept]).min_cosine
    if found >= min_cosine:
        return model
    log.warning("fp16_refused", model=folder.name, min_cosine=found)
    return load_reference(folder, device=str(model.device))


class _FromTokens:
    """The vectors of a batch by its tokens: texts are tokenized once, which is most of the work next to a GPU."""

    def __init__(self, model: Any, folder: ModelFolder) -> None:
        self._module = from_tokens(model, dimension=folder.dimension).eval()
        self._device = model.device
        self._pooled = not folder.prompt_counts

    def __call__(self, batch: TokenBatch) -> Vectors:
        import torch

        arrays = (batch.ids, batch.mask, batch.pooled) if self._pooled else (batch.ids, batch.mask)
        with torch.inference_mode():
            vectors = self._module(*(torch.from_numpy(array).to(self._device) for array in arrays))
            return np.asarray(vectors.cpu().numpy())


class _FromTexts:
    """The vectors of a batch by its texts, for models of which only sentence-transformers knows the preparation."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __call__(self, batch: TokenBatch) -> Vectors:
        import torch

        encode = self._model.encode_query if batch.query else self._model.encode_document
        texts = list(batch.texts)
        vectors = encode(texts, batch_size=len(texts), show_progress_bar=False, convert_to_tensor=True)
        return np.asarray(torch.nn.functional.normalize(vectors.float(), dim=1).cpu().numpy())


class _TorchForward:
    def __init__(self, vectors: Forward) -> None:
        self._vectors = vectors
        self._process = os.getpid()

    def __call__(self, batch: TokenBatch) -> Vectors:
        """Return vectors of shape (texts, dim); of half the texts at a time if the GPU has too little memory."""
        if os.getpid() != self._process:
            raise ModelUnavailable(
                "the torch encoder was loaded before a fork, which it does not survive: load it after"
            )
        import torch

        try:
            return self._vectors(batch)
        except torch.OutOfMemoryError as error:
            if len(batch.texts) == 1:
                raise ModelUnavailable("the GPU has too little free memory to encode one text") from error
        except (IndexError, ValueError) as error:
            raise EncodingFailed(f"the model fails on a text: {error}") from error
        torch.cuda.empty_cache()  # other processes may use the same GPU
        return np.vstack([self(half) for half in batch.halves()])
