"""Small tables for the tests of this station: rows as dicts, seen as columns and as a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pc_worker.domains import CleanedRow, Domain, Options, clean, get_domain, resolve, row_keys
from pc_worker.reader import MISSING, Json, normal

DIMENSION = 1536
RECRUIT_ID = "0b5f0d1c-6a3f-5f57-9d4f-0c3a5b8e7f11"
#: Each field of a job post: its column in a source, a cell there, and the value of the payload and the wire.
RECRUIT: tuple[tuple[str, str, object, Json], ...] = (
    ("position", "Position", "데이터 Engineer", "데이터 Engineer"),
    ("company_name", "Company Name", "Acme", "Acme"),
    ("experience_years", "Exp Years", "3y", 3),
    ("primary_keyword", "Primary Keyword", "Python", "Python"),
    ("english_level", "English Level", "upper", "upper"),
    ("published_at", "Published", "2021-07-01T00:00:00+03:00", "2021-07-01T00:00:00+03:00"),
    ("skills", "skills", np.array(["python", "sql"], dtype=object), ["python", "sql"]),
    ("long_description", "Long Description", "Build pipelines.", "Build pipelines."),
    ("description_lang", "Long Description_lang", "en", "en"),
)
RECRUIT_PAYLOAD: dict[str, Json] = {field: value for field, _, _, value in RECRUIT}


@dataclass(frozen=True)
class AColumn:
    name: str
    kind: str
    dimension: int | None = None


class ABatch:
    """Rows of dicts as the reader returns them: a key that a row lacks is MISSING in its column."""

    def __init__(self, rows: Sequence[Mapping[str, object]], start: int = 0) -> None:
        self._rows = rows
        self.start = start
        names = dict.fromkeys(name for row in rows for name in row)
        self.columns: dict[str, list[object]] = {name: [row.get(name, MISSING) for row in rows] for name in names}

    def __len__(self) -> int:
        return len(self._rows)

    def normal_row(self, i: int) -> dict[str, Json]:
        return {name: normal(cell) for name, cell in self._rows[i].items()}


def columns_of(batch: ABatch, **kinds: str) -> list[AColumn]:
    """Return the batch's columns, of the kind that their first cell shows unless ``kinds`` says otherwise."""
    return [AColumn(name, kinds.get(name) or _kind(cells)) for name, cells in batch.columns.items()]


def _kind(cells: Sequence[object]) -> str:
    first = next((cell for cell in cells if normal(cell) is not None), None) if cells else None
    known = {str: "text", int: "int", float: "float", np.ndarray: "vector", list: "list", dict: "dict"}
    return "null" if first is None else known.get(type(first), "mixed")


def clean_rows(domain: str | Domain, *rows: Mapping[str, object], **options: Any) -> list[CleanedRow]:
    """Return the outcomes of a table of ``rows``, planned and keyed as a job does it."""
    declared = get_domain(domain) if isinstance(domain, str) else domain
    batch = ABatch(rows)
    mapping = resolve(declared, Options(**options), columns_of(batch), batch, "rows.pkl")
    return clean(declared, mapping, batch, keys=row_keys(declared, mapping, batch), superseded=())


def a_vector(seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)


def recruit_row(**changes: object) -> dict[str, object]:
    cells = {column: cell for _, column, cell, _ in RECRUIT}
    row: dict[str, object] = {"id": RECRUIT_ID, **cells, "skill_vector": a_vector()}
    return row | {name.replace("_", " ") if name.replace("_", " ") in row else name: v for name, v in changes.items()}


def candidate_row(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "id": "0b5f0d1c-6a3f-5f57-9d4f-0c3a5b8e7f22",
        "Primary Keyword": "Java",
        "Experience Years": 2.5,
        "CV": "Ten years of Java.",
        "CV_lang": "en",
        "Moreinfo": "Remote only.",
        "Looking For": None,
        "skills": ["java", "spring"],
        "skill_vector": a_vector(),
    }
    return row | {name.replace("_", " ") if name.replace("_", " ") in row else name: v for name, v in changes.items()}


def skill_row(**changes: object) -> dict[str, object]:
    return {"name": "python", "category": "Backend", "skill_set_openai_vector": a_vector(), **changes}
