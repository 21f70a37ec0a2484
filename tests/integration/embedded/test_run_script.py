"""``./run`` on a project with empty requirements: the environment is made once, whole, and where the project is."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.embedded.owners import ROOT

_MAIN = "import os, sys; print(sys.argv[1:], os.getcwd(), sys.prefix)"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose environment two runs at once have made."""
    project = tmp_path_factory.mktemp("a project")
    for name in ("run", "scripts/environment.sh", "scripts/install.py"):
        (project / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, project / name)
    (project / "pc_worker").mkdir()
    (project / "pc_worker" / "__main__.py").write_text(_MAIN)
    for name in ("light", "model"):
        (project / f"requirements-{name}.txt").touch()
    processes = [start(project, "both") for _ in range(2)]
    complaints = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], complaints
    assert sum("Making .venv" in complaint for complaint in complaints) == 1
    return project


def start(project: Path, *arguments: str, cwd: Path = Path("/")) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.Popen(
        [str(project / "run"), *arguments],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(project: Path, *arguments: str, cwd: Path = Path("/")) -> tuple[int, str, str]:
    process = start(project, *arguments, cwd=cwd)
    out, complaint = process.communicate(timeout=120)
    return process.returncode, out, complaint


def test_arguments_and_working_folder_are_the_callers(made: Path, tmp_path: Path) -> None:
    (tmp_path / "email.py").write_text("raise SystemExit('a file of the caller was imported')")

    assert run(made, "rows", "a file", cwd=tmp_path) == (0, f"['rows', 'a file'] {tmp_path} {made}/.venv\n", "")


def test_without_arguments_it_is_the_demo(made: Path) -> None:
    assert run(made)[1].startswith("['demo']")


def test_a_link_to_it_runs_the_project(made: Path, tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(made / "run")

    assert run(tmp_path, "x") == (0, f"['x'] / {made}/.venv\n", "")


def test_changed_requirements_are_installed_into_the_same_environment(made: Path) -> None:
    kept = made / ".venv" / "kept"
    kept.touch()
    (made / "requirements-light.txt").write_text("# nothing more\n")

    code, _, complaint = run(made, "x")

    assert (code, complaint.count("Installing the light requirements"), kept.exists()) == (0, 1, True)
    assert run(made, "x")[2] == ""


def test_requirements_that_cannot_be_had_are_said_and_cost_nothing(made: Path, restored: Path) -> None:
    (made / "requirements-light.txt").write_text(
        "pc_worker_missing @ file:///nonexistent/missing-1.0-py3-none-any.whl\n"
    )

    code, _, complaint = run(made, "x")

    assert code == 69
    assert complaint.endswith("error: the light requirements could not be installed; pip says why above\n")
    (made / "requirements-light.txt").write_bytes(restored.read_bytes())
    assert "Making" not in run(made, "x")[2]


@pytest.fixture
def restored(made: Path, tmp_path: Path) -> Iterator[Path]:
    copy = Path(shutil.copy(made / "requirements-light.txt", tmp_path))
    yield copy
    shutil.copy(copy, made / "requirements-light.txt")


@pytest.mark.parametrize("damage", ["unfinished", "moved"])
def test_an_unfinished_or_moved_environment_is_made_anew(made: Path, tmp_path: Path, damage: str) -> None:
    project = tmp_path / "project"
    shutil.copytree(made, project, symlinks=True)
    if damage == "unfinished":
        (project / ".venv" / ".stamp-light").unlink()

    code, out, complaint = run(project, "x")

    assert (code, out, complaint.count("Making .venv")) == (0, f"['x'] / {project}/.venv\n", 1)


def test_a_machine_without_python_is_told_what_to_install(made: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(made, project, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "cat", "cksum", "dirname", "readlink"):
        (tools / name).symlink_to(str(shutil.which(name)))

    done = subprocess.run([project / "run"], env={"PATH": str(tools)}, capture_output=True, text=True, check=False)

    assert done.returncode == 69
    assert done.stderr.startswith("error: no Python 3.11 or newer was found")


def test_a_project_that_cannot_be_written_says_so(made: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(made, project, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
    project.chmod(0o555)

    # Without its capabilities root, too, cannot write what its modes forbid.
    bare = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()
    done = subprocess.run([*bare, project / "run", "x"], capture_output=True, text=True, check=False)

    assert done.returncode == 69
    assert done.stderr.startswith(f"error: {project} cannot be written, so .venv cannot be made in it: copy")
