"""Imports go one way: import-linter checks the packages (`pyproject.toml`), this the modules."""

from __future__ import annotations

from graphlib import TopologicalSorter

import grimp


def test_no_module_imports_itself_through_others() -> None:
    """Also imports inside functions count; those for type checking only do not."""
    graph = grimp.build_graph("pc_worker", "tasks", exclude_type_checking_imports=True, cache_dir=None)

    TopologicalSorter({module: graph.find_modules_directly_imported_by(module) for module in graph.modules}).prepare()
