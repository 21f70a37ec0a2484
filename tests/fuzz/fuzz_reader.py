"""Coverage-guided fuzzing of the reader: any bytes may only lead to typed errors.

Needs ``pip install atheris`` (and the product's own requirements). Not part of ``./test``:

    python tests/fuzz/fuzz_reader.py -max_total_time=600 -rss_limit_mb=1500 CORPUS_FOLDER

An empty corpus folder is filled with the golden and the hostile files first.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["pc_worker.reader"]):
    from pc_worker.reader import Limits, Rejected, open_table

#: Small, so that a run spends its time on opcodes and not on sizes.
LIMITS = Limits(opcodes=200_000, stack=200_000, output_bytes=8 << 20, memo=200_000, cell_bytes=1 << 20)
_LARGEST_SEED = 20_000


def test_one_input(data: bytes) -> None:
    """Open and read ``data``; a Rejected is the expected answer, any other exception is a finding."""
    with tempfile.TemporaryDirectory(prefix="pcw-fuzz-") as folder:
        path = Path(folder) / "input"
        path.write_bytes(data)
        try:
            with open_table(path, spool=Path(folder), limits=LIMITS) as table:
                batch = table.read(0, 50)
                for number in range(len(batch)):
                    batch.normal_row(number)
        except Rejected:
            return


def seed(folder: Path) -> None:
    """Fill ``folder`` with the small files that we have."""
    from tests.hostile.corpus import cases

    for path in (ROOT / "tests" / "golden" / "files").glob("*/*.pkl"):
        if path.stat().st_size < _LARGEST_SEED:
            (folder / f"{path.parent.name}-{path.name}").write_bytes(path.read_bytes())
    for name, data in cases().items():
        if len(data) < _LARGEST_SEED:
            (folder / name).write_bytes(data)


def main() -> None:
    """Run until the time given by ``-max_total_time`` is over or a finding stops it."""
    corpus = Path(sys.argv[-1])
    if corpus.is_dir() and not any(corpus.iterdir()):
        seed(corpus)
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
