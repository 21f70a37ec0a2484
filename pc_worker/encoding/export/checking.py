"""Makes a model ready for a backend and measures its agreement; a separate program because of the memory that it takes.

The graphs of the models whose reference vectors are stored are built from their weights; any other model needs PyTorch.
Run as ``python -m pc_worker.encoding.export.checking FOLDER NAME BACKEND TARGET``.
"""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

from pc_worker.encoding.agreement import EXACT, Agreement, measured
from pc_worker.encoding.backends.onnx_backend import OnnxForward
from pc_worker.encoding.backends.torch_backend import gpu_name, load_reference, reference_vectors, torch_forward
from pc_worker.encoding.encoder import BatchSizes, Forward, ModelEncoder
from pc_worker.encoding.export.bert_graph import build_graph
from pc_worker.encoding.export.checked import GRAPH, TOKENIZER, write_agreement, write_rejection
from pc_worker.encoding.export.int8 import quantise
from pc_worker.encoding.export.reference_vectors import stored_reference
from pc_worker.encoding.export.torch_graph import NotExportable, export_graph
from pc_worker.encoding.export.torch_tokens import save_tokenizer
from pc_worker.encoding.models.folder import ModelFolder, read_folder
from pc_worker.encoding.models.identity import INT8, identify_folder
from pc_worker.encoding.protocol import ModelIdentity, Vectors
from pc_worker.encoding.text.tokens import load_tokens
from pc_worker.errors import ModelUnavailable

TORCH = "torch"
#: The file of a graph's weights, and the bytes from which one is in it.
WEIGHTS, MIN_MOVED = "weights.bin", 1024


def main(path: Path, name: str, backend: str, target: Path) -> None:
    """Write the model in ``path`` and its agreement with the reference into the folder ``target``."""
    folder = read_folder(path, name)
    try:
        if backend == TORCH:
            agreement, by_tokens = _with_torch(folder, target)
        else:
            forward, expected = _with_onnx(folder, backend, target)
            agreement, by_tokens = _measured(_encoder(folder, target, forward), expected), True
        write_agreement(target, agreement, by_tokens=by_tokens)
    except NotExportable as reason:
        write_rejection(target, str(reason))


def _measured(encoder: ModelEncoder, expected: Vectors) -> Agreement:
    try:
        return measured(encoder, expected)
    except ModelUnavailable as error:
        raise NotExportable(str(error)) from error


def _with_torch(folder: ModelFolder, target: Path) -> tuple[Agreement, bool]:
    """Return how well PyTorch's vectors agree, and whether that is with our tokens or with the texts.

    On a CPU it gets the texts, which is right for every model. Next to a GPU, tokenizing twice is most of the time.
    """
    reference = load_reference(folder)
    same_tokens = _save_tokenizer(reference, folder, target / TOKENIZER)
    expected = reference_vectors(reference)
    if gpu_name() and same_tokens and (found := _by_tokens(folder, target, reference, expected)) is not None:
        return found, True
    forward = torch_forward(folder, threads=1, by_tokens=False, loaded=reference)
    return _measured(_encoder(folder, target, forward), expected), False


def _save_tokenizer(reference: Any, folder: ModelFolder, target: Path) -> bool:
    """Write a tokenizer that makes the same tokens and return true, else one that is good enough to count them."""
    try:
        save_tokenizer(reference, folder, target, exact=True)
    except NotExportable:
        save_tokenizer(reference, folder, target, exact=False)
        return False
    return True


def _by_tokens(folder: ModelFolder, target: Path, reference: Any, expected: Vectors) -> Agreement | None:
    """Return how well the vectors by our tokens agree, or None if they do not."""
    try:
        forward = torch_forward(folder, threads=1, by_tokens=True, loaded=reference)
        found = measured(_encoder(folder, target, forward), expected)
    except Exception:  # of many kinds, depending on the architecture
        return None
    return found if found.min_cosine >= EXACT else None


def _with_onnx(folder: ModelFolder, backend: str, target: Path) -> tuple[Forward, Vectors]:
    graph = target / GRAPH
    expected = _write_graph(folder, target)
    if backend == INT8:
        exact = graph.rename(target / "exact.onnx")
        quantise(exact, graph)
        exact.unlink()
    _move_weights(graph)
    try:
        return OnnxForward(graph, threads=1), expected
    except ModelUnavailable as error:
        raise NotExportable("ONNX Runtime does not take its graph") from error


def _move_weights(graph: Path) -> None:
    """Move the weights of a graph into a file next to it.

    ONNX Runtime maps such a file: a process starts without copying the weights, and processes share most of them.
    """
    import onnx
    from onnx.external_data_helper import uses_external_data

    model = onnx.load(graph, load_external_data=False)
    if not any(uses_external_data(tensor) for tensor in model.graph.initializer):  # else the exporter did so
        onnx.save(model, graph, save_as_external_data=True, location=WEIGHTS, size_threshold=MIN_MOVED)
        # Written for this user alone; those who may read the graph need both.
        (graph.parent / WEIGHTS).chmod(stat.S_IMODE(graph.stat().st_mode))


def _write_graph(folder: ModelFolder, target: Path) -> Vectors:
    """Write the graph with exact weights and return the reference's vectors, as ``reference_vectors`` does."""
    revision = identify_folder(folder, backend="onnx", cache=None).revision
    if (expected := stored_reference(revision)) is not None:
        build_graph(folder, target / GRAPH)
        return expected
    reference = load_reference(folder)
    save_tokenizer(reference, folder, target / TOKENIZER, exact=True)
    expected = reference_vectors(reference)
    export_graph(reference, folder, target / GRAPH)
    return expected


def _encoder(folder: ModelFolder, target: Path, forward: Forward) -> ModelEncoder:
    return ModelEncoder(
        folder,
        load_tokens(folder, saved=target / TOKENIZER),
        forward,
        identity=ModelIdentity(name=folder.name, revision="", dimension=folder.dimension),
        backend="onnx",
        sizes=BatchSizes(),
    )


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
    except ModelUnavailable as refused:
        sys.exit(str(refused))
