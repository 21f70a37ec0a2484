"""Reads docstrings out of Python source without running any of it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class DocEntry:
    """The documentation of one module, class, function or method; ``id`` is its dotted name."""

    id: str
    module: str
    name: str
    signature: str
    kind: str
    text: str


def from_source(path: Path, module: str) -> Iterator[DocEntry]:
    """Yield the documented public definitions of the source file ``path``, in their order."""
    tree = ast.parse(path.read_text("utf-8"))
    text = ast.get_docstring(tree)
    if text:
        yield DocEntry(module, module, module.rpartition(".")[2], "", "module", text)
    yield from _definitions(tree.body, module, "")


def _definitions(body: list[ast.stmt], module: str, owner: str) -> Iterator[DocEntry]:
    for node in body:
        if not isinstance(node, _Definition) or node.name.startswith("_"):
            continue
        name = f"{owner}{node.name}"
        text = ast.get_docstring(node)
        if text:
            yield DocEntry(f"{module}.{name}", module, name, _signature(node), _kind(node, owner), text)
        if isinstance(node, ast.ClassDef):
            yield from _definitions(node.body, module, f"{name}.")


def _signature(node: _Definition) -> str:
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        return f"({bases})" if bases else ""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({ast.unparse(node.args)}){returns}"


def _kind(node: _Definition, owner: str) -> str:
    if isinstance(node, ast.ClassDef):
        return "class"
    return "method" if owner else "function"


def from_builtin(module: ModuleType) -> Iterator[DocEntry]:
    """Yield the documented public names of ``module``, which is written in C and has no source to parse."""
    prefix = module.__name__
    for name, value in vars(module).items():
        if name.startswith("_") or not callable(value):
            continue
        yield from _described(prefix, name, value, "class" if isinstance(value, type) else "function")
        if isinstance(value, type) and value.__module__ == prefix:
            for part, method in vars(value).items():
                if not part.startswith("_"):
                    yield from _described(prefix, f"{name}.{part}", method, "method")


def _described(module: str, name: str, value: object, kind: str) -> Iterator[DocEntry]:
    text = getattr(value, "__doc__", None)
    if isinstance(text, str) and text.strip():
        # C code marks what a call binds by itself: "($module, iterable, /)", "($self, sep, /)".
        signature = (getattr(value, "__text_signature__", None) or "").replace("$module, ", "").replace("$", "")
        yield DocEntry(f"{module}.{name}", module, name, signature, kind, inspect.cleandoc(text))
