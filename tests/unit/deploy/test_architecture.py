"""What the documents name exists in the code: files, functions, layers, and the public names of each package."""

from __future__ import annotations

import ast
import gc
import importlib
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pc_worker.settings import PROJECT

DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
#: `store/rows/merge.py`, `tasks/queues.py: FORMER`
PLACE = re.compile(r"`((?:[a-z_]+/)+[\w.-]+\.(?:py|sql|yml|sh|json|proto|csv|png))(?:: (\w+))?`")
DOCSTRING_PLACE = re.compile(r"`((?:[a-z_]+/)*\w+\.(?:py|sql|yml|proto))`")
#: `SubscriptionSession.java: committed`
JAVA_PLACE = re.compile(r"`(\w+\.java)(?:: (\w+))?`")
PACKAGE_ROW = re.compile(r"^\| `(\w+)/` \|.*\|(.*)\|$", re.MULTILINE)
ARCHITECTURE = (PROJECT / "docs/explanation/architecture.md").read_text(encoding="utf-8")

#: Lines of a module and of a function, as `CONTRIBUTING.md` says.
MAX_LINES, MAX_FUNCTION_LINES = 300, 45
GENERATED = PROJECT / "pc_worker/wire/generated"
#: Modules of a folder, besides `__init__.py`. Lists with a module for each thing of one kind may have more.
MAX_MODULES = 15
LISTS = {"pc_worker/reader/formats", "pc_worker/reader/pickle/shapes", "pc_worker/cli/commands", "tasks"}
LAYERS = re.compile(r"^└▶ (\w+(?: · \w+)*)", re.MULTILINE)


@pytest.fixture(scope="module", autouse=True)
def _no_garbage_of_other_tests() -> None:
    """Report its errors now: their tracebacks parse Python, and Python 3.11 cannot do that while it parses for us."""
    gc.collect()


def found(place: str) -> Path | None:
    """Return the path of a place; packages and their files are named without `pc_worker/`."""
    return next((root / place for root in (PROJECT, PROJECT / "pc_worker") if (root / place).exists()), None)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(PROJECT)))
def test_every_file_and_function_that_is_named_exists(document: Path) -> None:
    for place, name in PLACE.findall(document.read_text(encoding="utf-8")):
        path = found(place)

        assert path is not None, place
        assert not name or re.search(rf"^(?:async )?(?:def |class )?{name}\b", path.read_text(), re.MULTILINE), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(PROJECT)))
def test_every_java_file_and_method_that_is_named_exists(document: Path) -> None:
    for file, name in JAVA_PLACE.findall(document.read_text(encoding="utf-8")):
        (path,) = (PROJECT / "clients/java").rglob(file)

        assert re.search(rf"\b{name}\(" if name else "", path.read_text(encoding="utf-8")), f"{file}: {name}"


def test_every_file_that_a_docstring_names_exists() -> None:
    """Its path begins at the project, at the package, or at a folder above the module."""
    named = 0
    for root in ("pc_worker", "tasks"):
        for module in (PROJECT / root).rglob("*.py"):
            for text in docstrings(module):
                for place in DOCSTRING_PLACE.findall(text):
                    named += 1
                    assert any((folder / place).exists() for folder in (PROJECT / root, *module.parents)), (
                        module,
                        place,
                    )
    assert named > 10


def docstrings(module: Path) -> Iterator[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(module.read_text(encoding="utf-8"))
    return (ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds))


def test_every_package_is_described_and_has_the_public_names_that_are_shown() -> None:
    rooms = dict(PACKAGE_ROW.findall(ARCHITECTURE))
    folders = {folder.parent.name for folder in (PROJECT / "pc_worker").glob("*/__init__.py")}

    assert folders == set(rooms)
    for room, face in rooms.items():
        module = importlib.import_module(f"pc_worker.{room}")
        for name in re.findall(r"`(\w+)`", face):
            assert hasattr(module, name), f"{room}: {name}"


def test_no_module_is_longer_than_the_limit_except_generated_code() -> None:
    modules = [module for root in ("pc_worker", "tasks") for module in (PROJECT / root).rglob("*.py")]
    lengths = {
        str(module.relative_to(PROJECT)): len(module.read_text(encoding="utf-8").splitlines())
        for module in modules
        if GENERATED not in module.parents
    }

    assert len(lengths) > 100
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_no_function_is_longer_than_the_limit() -> None:
    lengths = {}
    for root in ("pc_worker", "tasks"):
        for module in (PROJECT / root).rglob("*.py"):
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and GENERATED not in module.parents:
                    lengths[f"{module.relative_to(PROJECT)}: {node.name}"] = (node.end_lineno or 0) - node.lineno + 1

    assert len(lengths) > 1000
    assert {name: length for name, length in lengths.items() if length > MAX_FUNCTION_LINES} == {}


def test_a_class_name_is_used_once() -> None:
    """One name means one thing in all packages; private classes are seen in their own module only."""
    names = Counter(
        node.name
        for root in ("pc_worker", "tasks")
        for module in (PROJECT / root).rglob("*.py")
        if GENERATED not in module.parents
        for node in ast.parse(module.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )

    assert [name for name, count in names.items() if count > 1] == []


def test_no_folder_has_more_modules_than_the_limit_except_lists_of_one_kind() -> None:
    modules = [module for root in ("pc_worker", "tasks") for module in (PROJECT / root).rglob("*.py")]
    sizes = Counter(str(module.parent.relative_to(PROJECT)) for module in modules if module.name != "__init__.py")

    assert {folder for folder, size in sizes.items() if size > MAX_MODULES} <= LISTS
    assert set(sizes) >= LISTS


def test_the_drawn_layers_are_those_that_are_checked() -> None:
    tools = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    contracts = tools["importlinter"]["contracts"]
    checked = next(contract["layers"] for contract in contracts if contract["containers"] == ["pc_worker"])

    drawn = [line.split(" · ") for line in LAYERS.findall(ARCHITECTURE)]

    assert drawn == [layer.split(" | ") for layer in checked if layer != "__main__"]
