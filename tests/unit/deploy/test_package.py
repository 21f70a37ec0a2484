"""The package: what it needs is declared once, and what it holds is found in a wheel as in a checkout."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pc_worker import __version__, installation, requirements
from pc_worker.settings import PROJECT
from scripts.requirements import contents

DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
#: Asked for by name in requirements.txt.
NAMED = {
    *("celery", "redis", "kombu", "grpcio", "protobuf", "numpy", "pandas", "sentence-transformers"),
    *("psycopg2-binary", "pgvector", "flower", "pytest"),
}
AWAY = {
    "PC_WORKER_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/none",
    "PC_WORKER_REDIS_URL": "redis://127.0.0.1:1",
    "PC_WORKER_DATA_ROOTS": "/",
}


@pytest.mark.parametrize("name", contents(PROJECT))
def test_the_requirements_files_are_those_of_pyproject(name: str) -> None:
    written = (PROJECT / name).read_text(encoding="utf-8")

    assert written == contents(PROJECT)[name], "run scripts/requirements.py"


def test_the_full_installation_names_each_package_with_its_version() -> None:
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = {re.split(r"[\[=]", line)[0] for line in lines if "==" in line}

    assert names >= NAMED
    assert all("==" in line for line in lines if not line.startswith("#"))


def test_the_light_installation_has_no_pytorch() -> None:
    light = " ".join(DECLARED["project"]["dependencies"])

    assert not re.search(r"torch|transformers|gt-all", light)


def test_the_model_has_the_hash_of_the_lock() -> None:
    lines = (PROJECT / "requirements-model.txt").read_text(encoding="utf-8").splitlines()
    pin, wanted = lines[-2].split()[0], lines[-1].strip()
    _, _, entry = (PROJECT / "requirements.lock").read_text(encoding="utf-8").partition(f"\n{pin} ")

    assert wanted in re.split(r"\n\w", entry)[0]


def test_what_a_wheel_maps_is_in_the_checkout() -> None:
    mapped = DECLARED["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    assert all((PROJECT / source).exists() for source in mapped)
    for name in ("migrations", "proto", "flowerconfig.py"):
        assert mapped[name] == f"pc_worker/{name}"
        assert installation.project_file(name) == PROJECT / name


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the package as a wheel lays it out."""
    package = tmp_path / "site-packages" / "pc_worker"
    (package / "migrations").mkdir(parents=True)
    monkeypatch.setattr(installation, "PACKAGE", package)
    return package


def test_a_wheel_has_its_files_inside_the_package(wheel: Path) -> None:
    assert installation.project_file("migrations") == wheel / "migrations"


def test_a_wheel_keeps_its_state_in_the_users_folder(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/a user")
    monkeypatch.setenv("XDG_STATE_HOME", "")
    assert installation.default_home() == Path("/home/a user/.local/state/pc_worker")

    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert installation.default_home() == Path("/state/pc_worker")


def test_children_import_this_code_and_nothing_of_their_working_folder(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert installation.child_environment({"PYTHONPATH": "/a"}) == {"PYTHONPATH": "/a", "PYTHONSAFEPATH": "1"}

    monkeypatch.undo()
    for name in ("celeryconfig.py", "tasks.py", "pc_worker.py"):
        (tmp_path / name).write_text("raise SystemExit('a file of the working folder was imported')")
    code = "import tasks; tasks.app.conf.task_routes; print(tasks.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=installation.child_environment(AWAY),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, f"{PROJECT}/tasks/__init__.py\n"), done.stderr


def test_the_version_is_that_of_the_package() -> None:
    command = [sys.executable, "-m", "pc_worker", "--version"]

    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(PROJECT)})

    assert done.stdout == f"pc_worker, version {__version__}\n"


def test_a_wheels_metadata_tells_what_the_checkout_declares(monkeypatch: pytest.MonkeyPatch) -> None:
    light, models = requirements.requirements(), requirements.requirements("models")
    assert light == DECLARED["project"]["dependencies"]
    metadata = [*light, *(f'{line}; extra == "models"' for line in models)]
    monkeypatch.setattr(requirements, "from_wheel", lambda: True)
    monkeypatch.setattr("importlib.metadata.requires", lambda _name: metadata)

    assert requirements.requirements() == light
    assert requirements.requirements("models") == models
