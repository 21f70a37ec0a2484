"""The modules that a sentence-transformers model is made of, as its files list them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pc_worker.errors import ModelUnavailable

#: Only classes of this library are loaded: any other would be code of the model.
LIBRARY = "sentence_transformers."
ROUTER_FILE = "router_config.json"

Config = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ModuleFolder:
    """A module of a model.

    Attributes:
        kind: The last part of its type, as ``Pooling``.
        path: Its folder; several modules may share one.
    """

    kind: str
    path: Path


def listed_modules(path: Path) -> list[ModuleFolder]:
    """Return the modules of the model in ``path`` in order; a folder without a list is a lone transformer.

    Raises:
        ModelUnavailable: If the list is broken, or names code that the model brings itself.
    """
    listed = read_json(path / "modules.json", missing=[])
    try:
        return [_module(str(entry["type"]), path, entry["path"]) for entry in cast("list[dict[str, str]]", listed)]
    except (TypeError, KeyError) as error:
        raise ModelUnavailable(f"{path / 'modules.json'} is no list of modules: copy the model again") from error


def document_modules(modules: Sequence[ModuleFolder]) -> list[ModuleFolder]:
    """Return ``modules`` with each router replaced by the modules that it sends documents to."""
    return [part for module in modules for part in (_route(module) if module.kind in ("Router", "Asym") else [module])]


def all_modules(path: Path) -> list[ModuleFolder]:
    """Return all modules of the model in ``path``, those behind a router included."""
    modules = listed_modules(path) or [ModuleFolder("Transformer", path)]
    return modules + [part for module in modules for part in _parts(module)]


def all_folders(path: Path) -> list[Path]:
    """Return the folders of all modules, the model's own first, those behind a router included."""
    return [path, *sorted({module.path for module in all_modules(path)} - {path})]


def check_for_code(config: Config, name: str) -> None:
    """Raise ModelUnavailable if a transformer's configuration names code that the model brings itself."""
    if "AutoModel" in cast("Config", config.get("auto_map") or {}):
        raise ModelUnavailable(
            f"the model {name} needs an architecture that is code of the model: such code is not executed, choose a "
            "model that transformers knows"
        )


def read_json(path: Path, *, missing: object = None) -> Config:
    """Return the content of a configuration file, or ``missing`` if that is given and there is no such file.

    Raises:
        ModelUnavailable: If it cannot be read.
    """
    if missing is not None and not path.is_file():
        return cast("Config", missing)
    try:
        return cast("Config", json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            f"{path} cannot be read ({error}): give a sentence-transformers model's folder"
        ) from error


def _module(kind: str, whole: Path, part: str) -> ModuleFolder:
    path = whole / part
    if Path(part).is_absolute() or ".." in Path(part).parts:
        raise ModelUnavailable(f"the model in {whole} has a module outside its folder, {part}: it is not read")
    if not kind.startswith(LIBRARY):
        raise ModelUnavailable(
            f"the model in {path} needs the class {kind}, which is code of the model: such code is not executed, "
            "choose a model that is made of sentence-transformers' own modules"
        )
    return ModuleFolder(kind.rpartition(".")[2], path)


def _router(module: ModuleFolder) -> Config:
    file = module.path / ROUTER_FILE
    return read_json(file if file.is_file() else module.path / "config.json")


def _parts(module: ModuleFolder) -> Iterator[ModuleFolder]:
    if module.kind in ("Router", "Asym"):
        for name, kind in cast("dict[str, str]", _router(module)["types"]).items():
            yield _module(kind, module.path, name)


def _route(module: ModuleFolder) -> list[ModuleFolder]:
    parts = {part.path.name: part for part in _parts(module)}
    routes = cast("dict[str, list[str]]", _router(module)["structure"])
    chosen = routes.get("document") or next(iter(routes.values()))
    return [parts[name] for name in chosen]
