"""A benchmark without SHA extensions and AVX-512."""

from __future__ import annotations

import os
import subprocess
import sys

from pc_worker.bench.plain_cpu import VARIABLES, environment
from pc_worker.bench.processor import PLAIN_CPU

PROGRAM = """
from numpy._core._multiarray_umath import __cpu_features__ as found
from pc_worker.bench.processor import processor
print(found.get("X86_V4", False), processor())
"""


def test_a_process_starts_again_only_once() -> None:
    plain = environment({"PATH": "/bin"})

    assert plain is not None
    assert plain["PATH"] == "/bin"
    assert environment(plain) is None


def test_numpy_does_without_avx_512_and_the_processor_line_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**os.environ, **VARIABLES}, capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("False ")
    assert "switched off" in done.stdout
    assert PLAIN_CPU in VARIABLES
