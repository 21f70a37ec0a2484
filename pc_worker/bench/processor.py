"""What processor figures were measured on: name, number of cores, and the extensions that make a difference."""

from __future__ import annotations

import os
import platform
from pathlib import Path

#: Extensions that hashing, vectors and int8 models run on; the names are those of /proc/cpuinfo.
_TOLD = ("sha_ni", "sha2", "aes", "avx2", "avx512f", "avx512_vnni", "asimd", "sve")
#: The environment variable of a process that does without SHA extensions and AVX-512.
PLAIN_CPU = "PCW_BENCH_PLAIN_CPU"
_CPUINFO = Path("/proc/cpuinfo")


def processor() -> str:
    """Return the processor in one line, such as ``AMD EPYC, 2 cores, with sha_ni avx2``."""
    name = _field("model name") or platform.processor() or platform.machine()
    flags = [flag for flag in _TOLD if flag in extensions()]
    text = f"{name}, {os.cpu_count()} cores, " + (f"with {' '.join(flags)}" if flags else "extensions unknown")
    return text + (", SHA and AVX-512 switched off where libraries can" if os.environ.get(PLAIN_CPU) else "")


def extensions() -> frozenset[str]:
    """Return the processor's extensions; none where the system does not report them."""
    return frozenset((_field("flags") or _field("Features")).split())


def _field(name: str) -> str:
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition("\t")[0].strip() == name), "")
