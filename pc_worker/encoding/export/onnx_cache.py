"""Exported models on disk: exported once, also if several processes need one at the same time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from pc_worker.encoding.agreement import Agreement
from pc_worker.encoding.models.folder import ModelFolder
from pc_worker.encoding.protocol import ModelIdentity
from pc_worker.errors import ModelUnavailable
from pc_worker.installation import child_environment
from pc_worker.logs import get_logger

GENERATION = 2  # rises when exports made by older code must not be used any more
GRAPH = "model.onnx"
AGREEMENT = "agreement.json"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Exported:
    """A graph on disk and how well it agrees with the reference."""

    graph: Path
    agreement: Agreement


def exported(folder: ModelFolder, identity: ModelIdentity, *, backend: str, cache: Path) -> Exported:
    """Return the graph of a model from ``cache``, exporting it first if it is not there.

    The export runs in a process of its own: the built-in model takes two seconds, any other ten seconds and 1 GB.
    Other processes that need the same model wait for it. Killed at any time, it leaves nothing
    that is taken for done.

    Raises:
        ModelUnavailable: If the model cannot be exported.
    """
    name = folder.name.replace("/", "--")
    place = cache / f"{name}-{identity.revision}-{backend}-{GENERATION}"
    if not place.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"{place.name}.lock"):
            if not place.is_dir():
                _export(folder, place, backend=backend)
    return Exported(place / GRAPH, Agreement(**json.loads((place / AGREEMENT).read_text(encoding="utf-8"))))


def _export(folder: ModelFolder, place: Path, *, backend: str) -> None:
    log.info("model_export_started", model=folder.name, backend=backend)
    prefix = f".{place.name}-"
    for left_by_killed in place.parent.glob(f"{prefix}*"):
        shutil.rmtree(left_by_killed, ignore_errors=True)
    with TemporaryDirectory(dir=place.parent, prefix=prefix, ignore_cleanup_errors=True) as unfinished:
        target = Path(unfinished) / "model"
        target.mkdir()
        command = [
            sys.executable,
            "-m",
            "pc_worker.encoding.export.onnx_export",
            str(folder.path),
            backend,
            str(target),
        ]
        environment = child_environment({**os.environ, "HF_HUB_OFFLINE": "1"})
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
            raise ModelUnavailable(f"the model {folder.name} cannot be exported to ONNX: {reason}")
        target.rename(place)
    log.info("model_exported", model=folder.name, backend=backend)
