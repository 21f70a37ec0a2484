"""Write the table of Chinese character variants from OpenCC's dictionaries.

    python -m scripts.han_variants DICTIONARIES

DICTIONARIES is the folder with OpenCC's `TSCharacters.txt` and `JPVariants.txt`, for example `opencc/dictionary` of the
package opencc-python-reimplemented 0.1.7 (Apache License 2.0).
"""

from __future__ import annotations

import sys
from pathlib import Path

TARGET = Path(__file__).parent.parent / "pc_worker" / "store" / "search" / "words" / "han_variants.txt"
HEADER = (
    "# Variants of Chinese characters, each with the simplified form: traditional and Japanese ones.\n"
    "# From OpenCC (https://github.com/BYVoid/OpenCC, Apache License 2.0), by scripts/han_variants.py.\n"
)
PER_LINE = 50


def pairs(path: Path) -> dict[str, str]:
    """Return the first replacement of each single character in an OpenCC dictionary."""
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return {fields[0]: fields[1] for fields in lines if len(fields) > 1 and len(fields[0]) == len(fields[1]) == 1}


def variants(folder: Path) -> dict[str, str]:
    """Return the simplified form of each traditional and each Japanese character that has another one."""
    simplified = pairs(folder / "TSCharacters.txt")
    japanese = {new: old for old, new in pairs(folder / "JPVariants.txt").items()}
    found = {
        new: simplified.get(old, old) for new, old in japanese.items() if new not in simplified.values()
    } | simplified
    return {variant: found.get(form, form) for variant, form in found.items() if variant != found.get(form, form)}


def main(folder: Path) -> None:
    """Write the table."""
    found = sorted("".join(pair) for pair in variants(folder).items())
    lines = ["".join(found[n : n + PER_LINE]) for n in range(0, len(found), PER_LINE)]
    TARGET.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
