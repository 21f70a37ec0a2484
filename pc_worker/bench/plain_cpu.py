"""Run a benchmark without the processor's SHA extensions and AVX-512, so that no ratio depends on one processor.

Libraries read these variables when they are loaded: the process starts again with them. Where a library has no such
variable, as ONNX Runtime and BLAKE3, it uses all that the processor has.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from pc_worker.bench.processor import PLAIN_CPU

#: Bits of CPUID leaf 7, register EBX: SHA, and AVX-512 F, DQ, IFMA, PF, ER, CD, BW and VL.
_OPENSSL_OFF = (1 << 29) | sum(1 << bit for bit in (16, 17, 21, 26, 27, 28, 30, 31))
VARIABLES: Mapping[str, str] = {
    PLAIN_CPU: "1",
    "OPENSSL_ia32cap": f":~{_OPENSSL_OFF:#x}",  # SHA-256 and TLS
    "NPY_DISABLE_CPU_FEATURES": "X86_V4,AVX512_ICL,AVX512_SPR",
    "OPENBLAS_CORETYPE": "Haswell",  # NumPy's matrices
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # torch
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ARROW_USER_SIMD_LEVEL": "AVX2",
    "SIMDJSON_FORCE_IMPLEMENTATION": "haswell",
    "JAVA_TOOL_OPTIONS": "-XX:UseAVX=2 -XX:-UseSHA",
}


def environment(given: Mapping[str, str]) -> dict[str, str] | None:
    """Return the environment of a process without those extensions; None if it is the given one."""
    return None if given.get(PLAIN_CPU) else {**given, **VARIABLES}


def start_again_plain() -> None:
    """Start this process again with the same arguments and without those extensions, unless it runs without them."""
    wanted = environment(os.environ)
    if wanted is not None:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)  # noqa: S606 - this program itself
