"""The reference backend: PyTorch through sentence-transformers, in fp16 on a GPU if the vectors agree."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from pc_worker.encoding.agreement import EXACT, compared, probe_texts
from pc_worker.encoding.encoder import Forward
from pc_worker.encoding.models.folder import ModelFolder
from pc_worker.encoding.protocol import Vectors
from pc_worker.encoding.text.batches import Ids
from pc_worker.errors import EncodingFailed, ModelUnavailable
from pc_worker.logs import get_logger

NOT_INSTALLED = (
    "PyTorch and sentence-transformers are not installed here: pip install 'pc-worker[models]', in a checkout"
    " `.venv/bin/pip install -r requirements.txt`, or let a worker that has them embed something first"
)

log = get_logger(__name__)


def load_reference(folder: ModelFolder, *, device: str = "cpu") -> Any:
    """Return the ``SentenceTransformer`` of ``folder``; nothing is downloaded, no code of the model is executed.

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
        return SentenceTransformer(str(folder.path), device=device, local_files_only=True).eval()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelUnavailable(f"the model in {folder.path} cannot be loaded: {error}") from error


def reference_vectors(model: Any, texts: list[str], *, prompt: str) -> Vectors:
    """Return the vectors of ``SentenceTransformer.encode``, shape (texts, dim), L2-normalised."""
    vectors = np.asarray(model.encode(texts, prompt=prompt, show_progress_bar=False), dtype=np.float32)
    # Here, not by the model: in fp16 its lengths would be wrong by 0.0003.
    normalised: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return normalised


def torch_forward(folder: ModelFolder, *, threads: int) -> Forward:
    """Load ``folder`` on the GPU, or without one on ``threads`` threads of the CPU.

    The number of threads is that of the whole process: PyTorch has no other setting.

    Raises:
        ModelUnavailable: If PyTorch is not installed, or the model cannot be loaded.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise ModelUnavailable(f"the model {folder.name} cannot be loaded: {NOT_INSTALLED}") from error
    torch.set_num_threads(threads)
    on_gpu = torch.cuda.is_available()
    model = load_reference(folder, device="cuda" if on_gpu else "cpu")
    return _TorchForward(in_fp16_if_equal(model, folder) if on_gpu else model)


def in_fp16_if_equal(model: Any, folder: ModelFolder, *, min_cosine: float = EXACT) -> Any:
    """Return ``model`` in fp16 if its vectors agree with those in fp32, else unchanged."""
    probes = probe_texts()
    exact = reference_vectors(model, probes, prompt=folder.document_prompt)
    agreement = compared(reference_vectors(model.half(), probes, prompt=folder.document_prompt), exact)
    if agreement.min_cosine >= min_cosine:
        return model
    log.warning("fp16_refused", model=folder.name, min_cosine=agreement.min_cosine)
    return load_reference(folder, device=str(model.device))


class _TorchForward:
    def __init__(self, model: Any) -> None:
        self._model = model
        self._process = os.getpid()

    def __call__(self, ids: Ids, mask: Ids) -> Vectors:
        import torch

        if os.getpid() != self._process:
            raise ModelUnavailable(
                "the torch encoder was loaded before a fork, which it does not survive: load it after"
            )
        features = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        on_device = {name: tensor.to(self._model.device) for name, tensor in features.items()}
        try:
            with torch.inference_mode():
                vectors = self._model(on_device)["sentence_embedding"].float()
                return np.asarray(torch.nn.functional.normalize(vectors, dim=1).cpu().numpy())
        except (IndexError, ValueError) as error:
            raise EncodingFailed(f"the model fails on a text: {error}") from error
