"""Writes the stored reference vectors of the built-in model; run it after a change of that model or of the probe texts.

Run as ``python -m scripts.reference_vectors``; needs the full installation.
"""

from __future__ import annotations

from pathlib import Path

from pc_worker.encoding import export
from pc_worker.encoding.agreement import probe_texts
from pc_worker.encoding.backends.torch_backend import load_reference, reference_vectors
from pc_worker.encoding.export.reference_vectors import FILE, write_reference
from pc_worker.encoding.models.folder import find_model
from pc_worker.encoding.models.identity import identify_model

if __name__ == "__main__":
    folder, texts = find_model(""), probe_texts()
    vectors = reference_vectors(load_reference(folder), texts, prompt=folder.document_prompt)
    write_reference(Path(export.__path__[0]) / FILE, identify_model("").revision, texts, vectors)
