"""``models pull``: a model from the Hugging Face hub, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock

from pc_worker.encoding.models.folder import OLD_TOKENIZERS, SHAPING, read_folder
from pc_worker.encoding.models.hub_errors import RETRIES, WrongContent, explained, is_passing
from pc_worker.encoding.models.modules import all_modules, check_for_code, read_json
from pc_worker.encoding.models.pulled import (
    PULLED,
    PulledModel,
    read_record,
    revision_place,
    use_revision,
    write_record,
)
from pc_worker.errors import InvalidRequest, ModelUnavailable
from pc_worker.model.model_name import read_model_name
from pc_worker.retry import RetryPolicy

#: Configuration that sentence-transformers and transformers read, in the folder of any module.
SMALL = (*SHAPING, *OLD_TOKENIZERS, "*.safetensors.index.json", "preprocessor_config.json", "processor_config.json")
EXPORTS = frozenset({"onnx", "openvino", "coreml", "tensorrt", "gguf"})  # folders of other forms of the same model
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
#: Modules that cannot work without weights.
WEIGHTED = frozenset({"Transformer", "StaticEmbedding", "Dense", "LayerNorm", "CNN", "LSTM"})
SAFE_PATH = re.compile(r"(?:[\w-][\w.-]*/)*[\w-][\w.-]*")
TIMEOUT_S = 30.0

#: Is called with the number of bytes of each block that arrives.
Advance = Callable[[int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """A file as the hub announces it; ``sha256`` of a large one, ``blob`` = git's hash of a small one."""

    name: str
    size: int
    sha256: str | None
    blob: str | None

    @property
    def folder(self) -> str:
        """The folder that it is in, empty for the model's own."""
        return str(PurePosixPath(self.name).parent).removeprefix(".")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pull:
    """One download: what of which hub, and who wants to know."""

    name: str
    endpoint: str
    retries: RetryPolicy
    advance: Advance


def pull_model(
    name: str,
    *,
    cache: Path,
    revision: str | None = None,
    advance: Advance = lambda _: None,
    retries: RetryPolicy = RETRIES,
) -> PulledModel:
    """Download a sentence-transformers model into ``cache``: its configuration and safetensors, nothing executable.

    Interrupted at any time it leaves nothing that is taken for the model; complete files are not downloaded again.

    Args:
        name: Its name on the hub, ``ORGANISATION/NAME``. The hub is that of ``HF_ENDPOINT``, the token ``HF_TOKEN``.
        cache: Folder of pulled models.
        revision: A branch, a tag or a commit; None = the newest. The commit is stored.
        advance: Is called while bytes arrive, with their number.
        retries: After an error that may pass.

    Raises:
        NotFound: If there is no such model or revision.
        ModelUnavailable: If it may not be downloaded, has only pickled weights or needs code of its own.
        Unavailable: If the hub does not answer, or what arrives is not what it announced.
    """
    if read_model_name(name).kind != "local":
        raise InvalidRequest(f"{name!r} is not downloaded: it is installed or on a server")
    from huggingface_hub import constants
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or constants.ENDPOINT
    pull = _Pull(name=name, endpoint=endpoint, retries=retries, advance=advance)
    (cache / PULLED).mkdir(parents=True, exist_ok=True)
    try:
        commit, files = _listed(pull, revision)
        place = revision_place(name, commit, cache)
        with FileLock(cache / PULLED / f".{place.name}.lock"):
            if not place.is_dir():
                _fill(place, pull, commit, files)
            use_revision(name, commit, cache)
    except _hub_problems() as error:
        raise explained(error, name=name, revision=revision, endpoint=endpoint) from error
    return read_record(place)


def _hub_problems() -> tuple[type[Exception], ...]:
    from httpx2 import HTTPError, InvalidURL
    from huggingface_hub.errors import HfUriError, HFValidationError

    return (HTTPError, InvalidURL, HFValidationError, HfUriError, OSError, ValueError)


def _listed(pull: _Pull, revision: str | None) -> tuple[str, list[HubFile]]:
    from huggingface_hub import HfApi

    def ask() -> Any:
        api = HfApi(endpoint=pull.endpoint)
        return api.model_info(pull.name, revision=revision, files_metadata=True, timeout=TIMEOUT_S)

    info = pull.retries.call(ask, on=is_passing)
    found = [
        HubFile(
            name=file.rfilename,
            size=int(file.size if file.size is not None else -1),
            sha256=file.lfs.sha256 if file.lfs else None,
            blob=file.blob_id,
        )
        for file in info.siblings or []
        if SAFE_PATH.fullmatch(file.rfilename)
    ]
    return str(info.sha), found


def _fill(place: Path, pull: _Pull, commit: str, files: Sequence[HubFile]) -> None:
    unfinished = place.with_name(f".{place.name}")
    _download(pull, commit, [file for file in files if _is_small(file)], unfinished)
    _download(pull, commit, _weights(unfinished, pull.name, files), unfinished)
    read_folder(unfinished, pull.name)  # raises where it does not fit together
    shutil.rmtree(unfinished / ".cache", ignore_errors=True)
    write_record(unfinished, pull.name, commit)
    unfinished.rename(place)


def _is_small(file: HubFile) -> bool:
    path = PurePosixPath(file.name)
    return not EXPORTS & set(path.parts[:-1]) and any(fnmatch(path.name, pattern) for pattern in SMALL)


def _weights(configured: Path, name: str, files: Sequence[HubFile]) -> list[HubFile]:
    """Return the weights of every module of the model whose configuration is in ``configured``.

    Raises:
        ModelUnavailable: If it is no such model, needs code, or a module has no safetensors.
    """
    if not (configured / "config.json").is_file() and not (configured / "modules.json").is_file():
        raise ModelUnavailable(f"{name} is no sentence-transformers model: it has neither modules.json nor config.json")
    modules = all_modules(configured)
    found: dict[str, HubFile] = {}
    for module in modules:
        check_for_code(read_json(module.path / "config.json", missing={}), name)
        folder = str(PurePosixPath(module.path.relative_to(configured))).removeprefix(".")
        weights = {file.name: file for file in files if file.folder == folder and file.name.endswith(".safetensors")}
        if not weights and module.kind in WEIGHTED:
            raise ModelUnavailable(_without_safetensors(name, module.kind, folder, files))
        found |= weights
    return list(found.values())


def _without_safetensors(name: str, kind: str, folder: str, files: Sequence[HubFile]) -> str:
    pickled = next((file.name for file in files if file.folder == folder and _is_pickled(file)), "no weights")
    return (
        f"the model {name} has {pickled} and no safetensors for its {kind}: only safetensors are downloaded, because "
        "pickled weights can execute code; choose a revision or a copy of the model that has them"
    )


def _is_pickled(file: HubFile) -> bool:
    return any(fnmatch(PurePosixPath(file.name).name, pattern) for pattern in PICKLES)


def _download(pull: _Pull, commit: str, files: Sequence[HubFile], target: Path) -> None:
    from huggingface_hub import hf_hub_download

    def download(file: HubFile) -> None:
        path = Path(
            hf_hub_download(
                pull.name,
                file.name,
                revision=commit,
                local_dir=target,
                endpoint=pull.endpoint,
                tqdm_class=_bar(pull.advance),
            )
        )
        if not _is_announced(path, file):
            path.unlink()
            raise WrongContent(f"the file {file.name} arrived with another content than the hub announced")

    for file in files:
        pull.retries.call(partial(download, file), on=_is_passing_download)


def _is_passing_download(error: Exception) -> bool | float:
    # The client itself repeats what comes before the content of a file.
    request = getattr(getattr(error, "response", None), "request", None)
    return is_passing(error) if getattr(request, "method", "GET") == "GET" else False


def _is_announced(path: Path, file: HubFile) -> bool:
    if file.size >= 0 and path.stat().st_size != file.size:
        return False
    with path.open("rb") as content:
        if file.sha256 is not None:
            return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
        if file.blob is None:
            return True
        header = f"blob {os.fstat(content.fileno()).st_size}\0".encode()
        return hashlib.sha1(header + content.read(), usedforsecurity=False).hexdigest() == file.blob


def _bar(advance: Advance) -> Any:
    from tqdm import tqdm

    class Reporting(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            known = {key: value for key, value in options.items() if key in ("total", "initial", "unit")}
            super().__init__(*args, **known, disable=True)

        def update(self, n: float | None = 1) -> bool | None:
            advance(int(n or 0))
            return None

    return Reporting
