"""Writes the stored reference vectors; run it after a change of those models or of the probe texts.

Run as ``python -m scripts.reference_vectors``; needs the full installation.
"""

from __future__ import annotations

from pathlib import Path

from pc_worker.encoding import export
from pc_worker.encoding.backends.torch_backend import load_reference, reference_vectors
from pc_worker.encoding.export.reference_vectors import FOLDER, write_reference
from pc_worker.encoding.models.finding import find_model
from pc_worker.encoding.models.identity import identify_folder
from pc_worker.model import MULTILINGUAL
from pc_worker.settings import read_settings

if __name__ == "__main__":
    folder, cache = Path(export.__path__[0]) / FOLDER, read_settings().models
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.npz"):
        old.unlink()
    for name in ("", MULTILINGUAL):
        model = find_model(name, cache=cache)
        vectors = reference_vectors(load_reference(model))
        write_reference(folder, identify_folder(model, backend="onnx", cache=None).revision, vectors)
