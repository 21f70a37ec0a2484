"""Models as a backend runs them, on disk: made and compared with the reference once, for all processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pc_worker.encoding.agreement import Agreement
from pc_worker.encoding.models.folder import ModelFolder
from pc_worker.encoding.protocol import ModelIdentity
from pc_worker.errors import ModelUnavailable
from pc_worker.installation import child_environment
from pc_worker.logs import get_logger

GENERATION = 4  # rises when what older code made or measured must not be used any more
GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"
AGREEMENT = "agreement.json"
BY_TOKENS = "by_tokens"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """A model as a backend runs it.

    Attributes:
        graph: The ONNX graph; the backend ``torch`` has none.
        tokenizer: The tokenizer where the model's own file is not what sentence-transformers uses; it need not exist.
        agreement: How well its vectors agree with the reference.
        by_tokens: Whether the model is given our tokens; false only where it gets texts, in the backend ``torch``.
    """

    graph: Path
    tokenizer: Path
    agreement: Agreement
    by_tokens: bool


def checked(
    folder: ModelFolder, identity: ModelIdentity, *, backend: str, cache: Path, device: str = ""
) -> CheckedModel:
    """Return a model for a backend from ``cache``, making and measuring it first if it is not there.

    That runs in its own process: the built-in model takes two seconds, any other ten seconds and 1 GB.
    Other processes that need the same model wait for it. Killed at any time, it leaves nothing
    that is taken for done.

    Args:
        folder: The model.
        identity: Its identity, with the mark for rounded weights.
        backend: ``torch``, ``onnx`` or ``onnx-int8``.
        cache: Folder that is shared by all processes.
        device: The GPU that it is measured on; empty = the CPU.

    Raises:
        ModelUnavailable: If the backend cannot run the model, or nothing is here to measure it with.
    """
    place = place_of(folder, identity, backend=backend, cache=cache, device=device)
    if not place.is_dir():
        from filelock import FileLock  # once per model: a start does not load it

        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"{place.name}.lock"):
            if not place.is_dir():
                _make(folder, place, backend=backend)
    found = json.loads((place / AGREEMENT).read_text(encoding="utf-8"))
    if refused := found.get("refused"):
        raise ModelUnavailable(f"{backend} cannot run the model {folder.name}: {refused}")
    by_tokens = found.pop(BY_TOKENS)
    return CheckedModel(place / GRAPH, place / TOKENIZER, Agreement(**found), by_tokens)


def place_of(folder: ModelFolder, identity: ModelIdentity, *, backend: str, cache: Path, device: str = "") -> Path:
    """Return the folder in ``cache`` of a model for a backend; see ``checked``."""
    name = folder.name.replace("/", "--")
    where = "".join(f"-{part}" for part in (backend, device) if part)
    return cache / f"{name}-{identity.revision}{where}-{GENERATION}"


def write_agreement(folder: Path, agreement: Agreement, *, by_tokens: bool) -> None:
    """Write how well the model in ``folder`` agrees, and whether it was given tokens or texts."""
    (folder / AGREEMENT).write_text(json.dumps(asdict(agreement) | {BY_TOKENS: by_tokens}), encoding="utf-8")


def write_rejection(folder: Path, reason: str) -> None:
    """Write why a backend cannot run the model: that is found out once, not at every start."""
    (folder / AGREEMENT).write_text(json.dumps({"refused": reason}), encoding="utf-8")


def _make(folder: ModelFolder, place: Path, *, backend: str) -> None:
    log.info("model_export_started", model=folder.name, backend=backend)
    prefix = f".{place.name}-"
    for left_by_killed in place.parent.glob(f"{prefix}*"):
        shutil.rmtree(left_by_killed, ignore_errors=True)
    with TemporaryDirectory(dir=place.parent, prefix=prefix, ignore_cleanup_errors=True) as unfinished:
        target = Path(unfinished) / "model"
        target.mkdir()
        program = "pc_worker.encoding.export.checking"
        command = [sys.executable, "-m", program, str(folder.path), folder.name, backend, str(target)]
        environment = child_environment({**os.environ, "HF_HUB_OFFLINE": "1"})
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
            raise ModelUnavailable(f"the model {folder.name} cannot be made ready for {backend}: {reason}")
        target.rename(place)
    log.info("model_exported", model=folder.name, backend=backend)
