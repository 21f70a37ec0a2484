"""Source files for tests, written with pandas as the real ones are."""

from __future__ import annotations

import json
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

NAMESPACE = uuid.UUID("0f0e0d0c-0b0a-0908-0706-050403020100")
DIMENSION = 1536


def row_uuid(number: int) -> str:
    """Return the UUIDv5 of a row, as the predecessors' files have it."""
    return str(uuid.uuid5(NAMESPACE, str(number)))


def vector(number: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return a unit vector that is a row's own."""
    values = np.random.default_rng(number).standard_normal(DIMENSION).astype(np.float32)
    return values / np.float32(np.linalg.norm(values))


@lru_cache(maxsize=4096)
def _vector_text(number: int) -> str:
    return json.dumps(np.round(vector(number).astype(np.float64), 6).tolist())


def recruit_row(number: int, **changes: Any) -> dict[str, Any]:
    """Return a good row of the `recruit` source."""
    row = {
        "id": row_uuid(number),
        "Position": f"Engineer {number}",
        "Company Name": f"Company {number % 7}",
        "Exp Years": f"{number % 9 + 1}y",
        "Primary Keyword": "Python",
        "English Level": None if number % 5 == 0 else "upper",
        "Published": "2021-07-01T00:00:00+03:00",
        "skills": np.array(["python", f"skill{number % 11}"], dtype=object),
        "Long Description": f"We look for engineer {number}.",
        "Long Description_lang": "en",
        "skill_vector": _vector_text(number),
        "__index_level_0__": number,
    }
    return row | changes


def write_recruit(path: Path, rows: int, *, first: int = 0, changes: dict[int, dict[str, Any]] | None = None) -> Path:
    """Return a dict-wrapped frame of recruits, their ids from that of row ``first`` on; ``changes`` by row number."""
    made = [recruit_row(n, **{"id": row_uuid(first + n), **(changes or {}).get(n, {})}) for n in range(rows)]
    try:
        frame = pd.DataFrame(made)
    except UnicodeEncodeError:  # a lone surrogate, which the text type of pandas cannot hold
        frame = pd.DataFrame(made, dtype=object)
    pd.to_pickle({"data_frame": frame, "metadata": {"rows": rows}}, path)
    return path


def write_documents(path: Path, texts: list[str], *, ids: bool = True) -> Path:
    """Return a frame with a text column, and an id column where asked for."""
    columns: dict[str, Any] = {"id": [f"doc-{n}" for n in range(len(texts))]} if ids else {}
    frame = pd.DataFrame({**columns, "text": texts, "number": range(len(texts))})
    frame.to_pickle(path)
    return path
