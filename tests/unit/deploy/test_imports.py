"""Imports go one way: import-linter checks the packages (`pyproject.toml`), this the modules and folders."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

#: The walk of a pickle, the index that it writes and the decoding by that index use each other.
ENTWINED = {"pc_worker.reader", "pc_worker.reader.pickle"}


@pytest.fixture(scope="module")
def imports() -> Mapping[str, set[str]]:
    """Return what each module imports, also inside functions and for type checking only."""
    graph = grimp.build_graph("pc_worker", "tasks", cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def test_no_module_imports_itself_through_others(imports: Mapping[str, set[str]]) -> None:
    assert cycle_of(imports) == []


def test_no_folder_imports_its_neighbour_and_is_imported_by_it(imports: Mapping[str, set[str]]) -> None:
    folders = {module.rpartition(".")[0] for module in imports} - ENTWINED - {""}

    assert {folder: cycle for folder in folders if (cycle := cycle_of(between_entries(folder, imports)))} == {}


def cycle_of(imports: Mapping[str, set[str]]) -> list[str]:
    """Return the names of one cycle, in order; none if there is no cycle."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as exc:
        return list(exc.args[1])
    return []


def between_entries(folder: str, imports: Mapping[str, set[str]]) -> Mapping[str, set[str]]:
    """Return the imports between the modules and folders directly in a folder."""
    found: dict[str, set[str]] = {}
    for module, imported in imports.items():
        if module.startswith(f"{folder}."):
            entry = entry_of(folder, module)
            others = {entry_of(folder, other) for other in imported if other.startswith(f"{folder}.")}
            found.setdefault(entry, set()).update(others - {entry})
    return found


def entry_of(folder: str, module: str) -> str:
    return module.removeprefix(f"{folder}.").partition(".")[0]
