"""The documentation of Python's standard library as a ``document`` file: real text that is at hand everywhere."""

from __future__ import annotations

import builtins
import cmath
import itertools
import math
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from pc_worker.domains import Options
from pc_worker.samples.docstrings import DocEntry, from_builtin, from_source
from pc_worker.samples.pools import pools
from pc_worker.samples.sample import Expected, Sample, write_pickle

_BUILT_IN = (builtins, math, cmath, itertools, time)


def write_python_docs(folder: Path) -> Sample:
    """Write ``python_docs.pkl``: a bare frame, one row a docstring, found under its dotted name."""
    entries = _entries()
    path = folder / "python_docs.pkl"
    write_pickle(pd.DataFrame([asdict(entry) for entry in entries]), path)
    return Sample(path, "document", Options(), len(entries), Expected(written=len(entries)))


def _entries() -> list[DocEntry]:
    """Return every documented name once: of a name defined again (a property's setter, say) the first stays."""
    first: dict[str, DocEntry] = {}
    for entry in _all_entries():
        first.setdefault(entry.id, entry)
    return list(first.values())


def _all_entries() -> Iterator[DocEntry]:
    for module in _BUILT_IN:
        yield from from_builtin(module)
    library = Path(sysconfig.get_paths()["stdlib"])
    for name in pools().modules:
        for path in _sources(library, name):
            yield from from_source(path, _dotted(path.relative_to(library)))


def _sources(library: Path, name: str) -> list[Path]:
    """Return the module's file, or the public files of its package; none where this Python lacks it."""
    single = library / f"{name}.py"
    if single.exists():
        return [single]
    return [path for path in sorted((library / name).rglob("*.py")) if _public(path.relative_to(library))]


def _public(path: Path) -> bool:
    names = [*path.parts[:-1], path.stem]
    return not any((part.startswith("_") and part != "__init__") or part in ("test", "tests") for part in names)


def _dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")
