"""Writes requirements.txt, requirements-light.txt and requirements-test.txt from pyproject.toml.

Run as ``python scripts/requirements.py`` after a change of the dependencies; a test compares.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
MODEL = "requirements-model.txt"


def contents(project: Path) -> dict[str, str]:
    """Return what each file should hold, by its name."""
    declared = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    extras = declared["project"]["optional-dependencies"]
    light = [*declared["project"]["dependencies"], *extras["llm"]]
    lines = (project / MODEL).read_text(encoding="utf-8").splitlines()
    built_in = [line.partition(" ")[0] for line in lines if "==" in line]
    test = declared["dependency-groups"]["test"]
    pytest = [line for line in test if line.startswith("pytest==")]
    return {
        "requirements-light.txt": _file(f"the light installation, which needs {MODEL} too", light),
        "requirements.txt": _file(
            "the full installation", [*light, *extras["models"], *extras["multilingual"], *built_in, *pytest]
        ),
        "requirements-test.txt": _file("the full installation and what ./test needs", ["-r requirements.txt", *test]),
    }


def _file(purpose: str, lines: Sequence[str]) -> str:
    return "\n".join([f"# Written from pyproject.toml by scripts/requirements.py: {purpose}.", *lines, ""])


if __name__ == "__main__":
    for name, content in contents(PROJECT).items():
        (PROJECT / name).write_text(content, encoding="utf-8")
