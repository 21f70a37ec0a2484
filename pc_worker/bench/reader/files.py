"""Files that ``bench reader`` reads: frames as the known sources hold them, at any number of rows."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pandas as pd

#: Rows of the 400 MB file, and of the file that is like the largest known source (2.6 GB, vectors as JSON text).
RECRUIT_ROWS, CANDIDATE_ROWS = 140_000, 123_464
DIMENSION, TEXT_DIMENSION = 384, 1536
_SKILLS, _WORDS, _VECTORS = 300, 5000, 64


def recruit_frame(rows: int) -> pd.DataFrame:
    """Return seven text columns, list cells, float32 vectors in cells, numbers, timestamps: 2.9 kB per row."""
    rnd, rng = random.Random(1), np.random.default_rng(1)  # noqa: S311 - made-up rows, the same in every run
    words = ["".join(rnd.choices("abcdefghijklmnopqrstuvwxyz", k=rnd.randint(3, 9))) for _ in range(_WORDS)]
    skills = [word.title() for word in words[:_SKILLS]]

    def texts(count: int) -> pd.Series:
        return pd.Series([" ".join(rnd.choices(words, k=count)) for _ in range(rows)], dtype=object)

    def picks(choices: list[str]) -> pd.Series:
        return pd.Series(rnd.choices(choices, k=rows), dtype=object)

    return pd.DataFrame(
        {
            "id": pd.Series([f"{rnd.getrandbits(128):032x}" for _ in range(rows)], dtype=object),
            "Position": texts(4),
            "Company Name": texts(2),
            "Primary Keyword": picks(skills),
            "English Level": picks(["pre", "upper", "fluent", "basic"]),
            "Long Description": texts(150),
            "Long Description_lang": picks(["en", "uk"]),
            "skills": [rnd.sample(skills, rnd.randint(2, 9)) for _ in range(rows)],
            "skill_vector": list(rng.standard_normal((rows, DIMENSION), dtype=np.float32)),
            "years": rng.integers(0, 20, rows),
            "score": rng.random(rows),
            "Published": pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 10**8, rows), unit="s"),
        }
    )


def candidate_frame(rows: int) -> pd.DataFrame:
    """Return long texts and vectors as JSON text: 21 kB per row."""
    rnd, rng = random.Random(2), np.random.default_rng(2)  # noqa: S311 - made-up rows, the same in every run
    vectors = [
        ", ".join(f"{number:.10f}" for number in row) for row in rng.standard_normal((_VECTORS, TEXT_DIMENSION - 1))
    ]
    skills = [f"skill {number}" for number in range(_SKILLS)]
    numbers = range(rows)
    return pd.DataFrame(
        {
            "id": pd.Series([f"{rnd.getrandbits(128):032x}" for _ in numbers], dtype=object),
            "Primary Keyword": pd.Series(rnd.choices(skills, k=rows), dtype=object),
            "Experience Years": rng.integers(0, 20, rows) / 2,
            "CV": pd.Series([f"candidate {number} " * 60 for number in numbers], dtype=object),
            "Moreinfo": pd.Series([f"more {number}" for number in numbers], dtype=object),
            "skills": [np.array(rnd.sample(skills, rnd.randint(1, 9)), dtype=object) for _ in numbers],
            "skills_openai_vector": pd.Series(
                [f"[{number}.5, {vectors[number % _VECTORS]}]" for number in numbers], dtype=object
            ),
        }
    )


def main() -> None:
    """Run ``python -m pc_worker.bench.reader.files recruit|candidate ROWS PATH``: another process, for memory."""
    kind, rows, path = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    frame = recruit_frame(rows) if kind == "recruit" else candidate_frame(rows)
    frame.to_pickle(path)


if __name__ == "__main__":
    main()
