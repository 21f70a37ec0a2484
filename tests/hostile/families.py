"""The hostile files of all families. Their names are stored, because every test process collects all tests.

``python -m tests.hostile.families`` stores the names again.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tests.hostile import arrow_misfits, bombs, corpus, damage, damaged_formats, misfits

NAMES = Path(__file__).parent / "names"
#: Files that must be refused.
REFUSED = (NAMES / "refused.txt").read_text(encoding="utf-8").splitlines()
#: Files that are refused, or read as another table.
DAMAGED = (NAMES / "damaged.txt").read_text(encoding="utf-8").splitlines()


def refused_files() -> Iterator[tuple[str, bytes]]:
    """Yield the files of `REFUSED`; they take a gigabyte together."""
    yield from chain(corpus.cases().items(), misfits.cases(), arrow_misfits.cases(), bombs.cases(), damage.framed())


def damaged_files() -> Iterator[tuple[str, bytes]]:
    """Yield the files of `DAMAGED`."""
    yield from damaged_formats.cases()


if __name__ == "__main__":
    for file, cases in (("refused.txt", refused_files()), ("damaged.txt", damaged_files())):
        (NAMES / file).write_text("".join(f"{name}\n" for name, _ in cases), encoding="utf-8")
