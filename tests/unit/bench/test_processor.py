"""Every benchmark prints the processor that its figures were measured on: without it they cannot be compared."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from pc_worker.bench import BenchResult
from pc_worker.bench.processor import processor
from pc_worker.cli.commands.bench import NAMES
from pc_worker.settings import PROJECT

#: What reads a clock or counts processor time; a program under pc_worker/bench need not do it itself.
CLOCK = re.compile(r"\b(?:perf_counter|monotonic|process_time|thread_time|cpu_times|getrusage)\b")
#: Programs that are no benchmarks of their own, and why.
EXEMPT = {
    "pc_worker/bench/reader/files.py": "writes a file for others",
    "pc_worker/bench/reader/probe.py": "one reading for `bench reader`, which prints the processor",
    "tests/fuzz/fuzz_cli.py": "prints only how long it searched",
    "tests/model/__main__.py": "prints only how long it searched",
}


def is_program(path: Path) -> bool:
    return path.name == "__main__.py" or '__name__ == "__main__"' in path.read_text(encoding="utf-8")


def candidates() -> list[str]:
    """Return the programs that measure time, by their path in the project."""
    found = []
    for folder in ("pc_worker/bench", "scripts", "tests"):
        for path in sorted((PROJECT / folder).rglob("*.py")):
            own = is_program(path) and (folder == "pc_worker/bench" or CLOCK.search(path.read_text(encoding="utf-8")))
            if own and path != Path(__file__):
                found.append(str(path.relative_to(PROJECT)))
    return found


CANDIDATES = candidates()


@pytest.mark.parametrize("program", [path for path in CANDIDATES if path not in EXEMPT])
def test_a_program_that_measures_names_the_processor(program: str) -> None:
    tree = ast.parse((PROJECT / program).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]

    assert "processor" in {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    assert any(node.module == "pc_worker.bench.processor" for node in imports), "by the one helper"


def test_what_is_exempt_exists() -> None:
    assert set(CANDIDATES) >= EXEMPT.keys()
    assert len(CANDIDATES) > 12, "the programs are found"


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_of_the_command_returns_the_processor(name: str) -> None:
    path = PROJECT / "pc_worker/bench" / f"{NAMES[name].replace('.', '/')}.py"
    functions = (node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef))
    (run,) = (function for function in functions if function.name == "run")

    assert run.returns is not None
    assert ast.unparse(run.returns) == "BenchResult"
    assert BenchResult("any", []).to_dict()["processor"] == processor()
