"""Compile what this project imports, in the environment whose Python runs this; the folder of the project is given.

Bytecode of everything that is installed would take twice the time and 90 MB more: most modules of most packages are
never imported here. So each module that the code names is imported once, and Python writes the bytecode of all that it
loads. Any other module is compiled at its first import, as Python always does.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

OURS = ("pc_worker", "tasks")
#: Large and for few: 17 MB of bytecode for those who answer by Anthropic's models, written when they first do.
LATER = ("anthropic", "pydantic_ai.models.anthropic", "pydantic_ai.providers.anthropic")


def main(project: Path) -> None:
    """Import every package that the code of ``project`` names, on all cores."""
    names = foreign_modules(project)
    with ProcessPoolExecutor() as processes:
        for _ in processes.map(_compile, names):
            pass


def foreign_modules(project: Path) -> list[str]:
    """Return the modules that the code names and does not hold itself, those named inside of functions included."""
    files = [path for folder in OURS for path in sorted((project / folder).rglob("*.py"))]
    named = {name for path in files for name in _imported(ast.parse(path.read_bytes()))}
    return sorted(name for name in named if name.partition(".")[0] not in OURS and name not in LATER)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _compile(name: str) -> None:
    sys.dont_write_bytecode = False
    with contextlib.suppress(Exception):  # not installed: an extra; any other error is reported when it is used
        importlib.import_module(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
