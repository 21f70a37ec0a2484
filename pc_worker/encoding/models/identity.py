"""The identity of the model in a folder, computed from its content."""

from __future__ import annotations

import json
from hashlib import file_digest, sha256
from pathlib import Path

from pc_worker.atomic_files import replacing
from pc_worker.encoding.models.finding import find_model
from pc_worker.encoding.models.folder import ModelFolder
from pc_worker.encoding.protocol import ModelIdentity

INT8 = "onnx-int8"
INT8_MARK = "+int8"  # rounded weights have other vectors, never to be mixed with the exact ones


def identify_model(model: str, *, backend: str = "auto", cache: Path | None = None) -> ModelIdentity:
    """Return the identity of ``model`` without loading it: its files are hashed.

    Args:
        model: As for ``load_encoder``.
        backend: As for ``load_encoder``; only ``onnx-int8`` makes a difference.
        cache: As for ``load_encoder``; it also remembers the hash while the files keep size and time. None = hash now.

    Raises:
        ModelUnavailable: If the model is not here.
    """
    return identify_folder(find_model(model, cache=cache), backend=backend, cache=cache)


def identify_folder(folder: ModelFolder, *, backend: str, cache: Path | None) -> ModelIdentity:
    """Do what ``identify_model`` does for a folder that was found already."""
    mark = INT8_MARK if backend == INT8 else ""
    return ModelIdentity(name=folder.name, revision=_revision(folder, cache) + mark, dimension=folder.dimension)


def _revision(folder: ModelFolder, cache: Path | None) -> str:
    stamps = [_stamp(file) for file in folder.shaping_files]
    if cache is None:
        return _content_hash(folder)
    memory = cache / "revisions" / f"{sha256(json.dumps(stamps).encode()).hexdigest()[:32]}"
    if memory.is_file():
        return memory.read_text(encoding="ascii")
    revision = _content_hash(folder)
    memory.parent.mkdir(parents=True, exist_ok=True)
    with replacing(memory) as file:
        file.write(revision.encode("ascii"))
    return revision


def _stamp(file: Path) -> list[str | int]:
    # A file that is put in another's place may have its size and time: the time of that change it cannot have.
    found = file.stat()
    return [str(file), found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _content_hash(folder: ModelFolder) -> str:
    """Return 16 hex digits; they do not depend on where the folder lies."""
    total = sha256()
    for path in folder.shaping_files:
        with path.open("rb") as file:
            total.update(f"{path.relative_to(folder.path)} {file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()[:16]
