"""The generated reference pages, and the table of settings in the README, are those of the code."""

from __future__ import annotations

import subprocess
import sys

from pc_worker.settings import PROJECT


def test_the_reference_is_current() -> None:
    """Run in another process, because it imports every module and Celery's configuration."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.reference", "--check"], cwd=PROJECT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
