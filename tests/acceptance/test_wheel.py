"""The wheel in an empty environment: everything that the demo needs comes with it, PyTorch does not."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from pc_worker import __version__
from pc_worker.settings import PROJECT
from tests.homes import temporary_home
from tests.support.stack import environment

#: A command that is started in a folder with such files does not import them.
IN_THE_WAY = ("celeryconfig.py", "email.py", "tasks.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as `pip install .` builds it."""
    target = tmp_path_factory.mktemp("a wheel")
    probe = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"--dest={target / 'probe'}", "hatchling"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("no package index can be reached")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(target), str(PROJECT))
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the `bin` of an environment that has nothing but the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("an environment")
    venv.create(folder, with_pip=True)
    run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile", str(wheel))
    return folder / "bin"


def run(*command: str, **settings: object) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, text=True, capture_output=True, check=False, **{"env": clean, **settings})  # type: ignore[call-overload]  # settings are of several types
    assert done.returncode == 0, done.stderr
    return done  # type: ignore[no-any-return]  # for the same reason


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_wheel_in_an_empty_environment_runs_the_demo(installed: Path, wheel: Path, tmp_path: Path) -> None:
    for name in IN_THE_WAY:
        (tmp_path / name).write_text("raise SystemExit('a file of the working folder was imported')")
    command = str(installed / "pc-worker")
    with temporary_home() as home:
        clean = {name: value for name, value in environment(home).items() if not name.startswith("PYTHON")}

        said = run(command, "demo", env=clean, cwd=tmp_path).stdout

    assert run(command, "--version").stdout == f"pc_worker, version {__version__}\n"
    assert "streamed back" in said
    assert "how do I compress" in said
    packages = run(str(installed / "python"), "-m", "pip", "list").stdout
    assert "torch" not in packages
    assert "transformers" not in packages
    assert not any(name.startswith("tests/") for name in zipfile.ZipFile(wheel).namelist())
