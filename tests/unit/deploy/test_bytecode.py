"""Which modules are compiled after an installation."""

from __future__ import annotations

from pathlib import Path

from pc_worker.settings import PROJECT
from scripts.bytecode import LATER, foreign_modules


def test_modules_are_found_wherever_they_are_imported(tmp_path: Path) -> None:
    package = tmp_path / "pc_worker" / "deep"
    package.mkdir(parents=True)
    (package / "one.py").write_text(
        "import numpy as np\nfrom pc_worker.deep import two\n\n\ndef lazy():\n    from pyarrow.compute import cast\n"
    )
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").write_text("import tasks.names, celery.app.task\nfrom . import names\n")

    assert foreign_modules(tmp_path) == ["celery.app.task", "numpy", "pyarrow.compute"]


def test_packages_that_parts_import_are_compiled_and_the_large_rare_one_is_not() -> None:
    found = foreign_modules(PROJECT)

    assert {"celery", "fastapi", "grpc", "numpy", "onnxruntime", "openai", "pandas", "psycopg2"} <= set(found)
    assert not set(found) & set(LATER)
