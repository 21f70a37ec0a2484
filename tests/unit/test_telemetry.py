"""No library reports to its maker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pc_worker.settings import PROJECT

#: What the libraries themselves decide, after the import of ours.
REPORTS = """
import pc_worker
import onnxruntime
from huggingface_hub import constants
print(constants.HF_HUB_DISABLE_TELEMETRY)
"""


def test_libraries_with_telemetry_are_told_not_to_collect_any(tmp_path: Path) -> None:
    # An environment of its own: the libraries collect nothing where they see a test or a build server.
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"}

    done = subprocess.run(
        [sys.executable, "-c", REPORTS], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert done.stdout == "True\n"
    # ONNX Runtime, on import, would make an identifier of the machine and a database of events to send.
    assert list(tmp_path.iterdir()) == []
