"""A short run of the command line's fuzzing; the long one is a command of its own."""

from __future__ import annotations

import subprocess
import sys

from pc_worker.settings import PROJECT

INPUTS = "300"


def test_no_words_bring_the_command_line_down() -> None:
    argv = [sys.executable, "-m", "tests.fuzz.fuzz_cli", "--inputs", INPUTS, "--seed", "1"]

    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
