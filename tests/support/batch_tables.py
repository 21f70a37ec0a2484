"""The tables behind the fake of a stock batch server: its JSON reader and its database's rules, in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

DIMENSION = 1536
BIND_VALUES = 65_535
JAVA_UUID = re.compile(r"[0-9a-fA-F]{1,8}(-[0-9a-fA-F]{1,4}){3}-[0-9a-fA-F]{1,12}")
OFFSET_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)")

Row = dict[str, Any]


class Failure(Exception):
    """What the server answers with INTERNAL."""


def _text(value: Any) -> Any:
    if isinstance(value, list | dict):
        raise Failure("no text")
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _integer(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool | list | dict):
        raise Failure("no integer")
    try:
        number = int(value)  # "5" is read, 3.7 is cut
    except ValueError as exc:
        raise Failure("no integer") from exc
    if not -(2**31) <= number < 2**31:
        raise Failure("no int")
    return number


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise Failure("no array")
    return [_text(item) for item in value]


def _texts_or_none(value: Any) -> list[str]:
    return [] if value is None else _texts(value)


def _floats(value: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    if not isinstance(value, list) or any(isinstance(n, bool) or not isinstance(n, int | float) for n in value):
        raise Failure("no array of numbers")
    with np.errstate(over="ignore"):
        return np.array(value, dtype=np.float64).astype(np.float32)


def _uuid(value: Any) -> str:
    if not isinstance(value, str) or not JAVA_UUID.fullmatch(value):
        raise Failure("Invalid UUID string")
    return value.lower()


def _moment(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not OFFSET_TIME.fullmatch(value):
        raise Failure("could not be parsed")
    datetime.fromisoformat(value)
    return value


#: JSON field → how it is read; a field that is not here is ignored, a missing one is read as null.
FIELDS: Mapping[str, Mapping[str, Callable[[Any], Any]]] = {
    "recruit": {
        "id": _uuid,
        "position": _text,
        "company_name": _text,
        "experience_years": _integer,
        "primary_keyword": _text,
        "english_level": _text,
        "published_at": _moment,
        "skills": _texts_or_none,
        "long_description": _text,
        "description_lang": _text,
        "skills_vector": _floats,
    },
    "candidate": {
        "candidate_id": _uuid,
        "position_category": _text,
        "experience_years": _integer,
        "original_resume": _text,
        "resume_lang": _text,
        "moreinfo": _text,
        "looking_for": _text,
        "skills": _texts,
        "skills_vector": _floats,
    },
    "skill_dic": {"skill": _text, "position_category": _text, "skill_vector": _floats},
}


def _no_constant(name: str) -> Any:
    raise Failure(f"Non-standard token '{name}'")


def read_chunk(domain: str, chunk: bytes) -> list[Row]:
    """Return the rows of a chunk as Java reads them; every fault is the whole chunk's."""
    try:
        document = json.loads(chunk.decode(), parse_constant=_no_constant)
    except ValueError as exc:
        raise Failure(f"JSON: {exc}") from exc
    if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
        raise Failure("no array of objects")
    rows = [{name: read(item.get(name)) for name, read in FIELDS[domain].items()} for item in document]
    if domain != "skill_dic" and any(len(row["skills_vector"]) != DIMENSION for row in rows):
        raise Failure("wrong dimension")
    return rows


@dataclass
class Tables:
    """The database; it outlives the server.

    Attributes:
        rejects: More that the database refuses, as a rule of its own that no client can know.
    """

    recruit: dict[str, Row] = field(default_factory=dict)
    recruit_description: dict[str, Row] = field(default_factory=dict)
    recruit_skill: set[tuple[str, str]] = field(default_factory=set)
    recruit_skills_embedding: dict[str, Row] = field(default_factory=dict)
    candidate: dict[str, Row] = field(default_factory=dict)
    candidate_description: dict[str, Row] = field(default_factory=dict)
    candidate_skill: set[tuple[str, str]] = field(default_factory=set)
    candidate_skills_embedding: dict[str, Row] = field(default_factory=dict)
    skill_category_dic: dict[str, int] = field(default_factory=dict)
    skill_embedding_dic: dict[str, Row] = field(default_factory=dict)
    rejects: Callable[[Row], bool] = lambda row: False

    def save(self, domain: str, rows: Sequence[Row]) -> None:
        """Upsert a chunk: parents first, then each child table, all in commits of their own."""
        for row in rows:
            if any("\0" in text for text in row.values() if isinstance(text, str)):
                raise Failure("invalid byte sequence")
            if self.rejects(row):
                raise Failure("could not execute statement")
        {"recruit": self._recruit, "candidate": self._candidate, "skill_dic": self._skills}[domain](rows)

    def _recruit(self, rows: Sequence[Row]) -> None:
        parent = ("position", "company_name", "experience_years", "primary_keyword", "english_level", "published_at")
        _upsert(self.recruit, "id", rows, parent, not_null=("position", "company_name"), years_from=1)
        failed = [
            *_attempt(
                lambda: _upsert(
                    self.recruit_description,
                    "id",
                    rows,
                    ("long_description", "description_lang"),
                    not_null=("long_description",),
                )
            ),
            *_attempt(lambda: _upsert_skills(self.recruit_skill, "id", rows)),
            *_attempt(lambda: _upsert_vectors(self.recruit_skills_embedding, "id", rows, "skills_vector")),
        ]
        if failed:
            raise failed[0]

    def _candidate(self, rows: Sequence[Row]) -> None:
        key, needed = "candidate_id", ("position_category", "original_resume")
        _upsert(self.candidate, key, rows, (*needed, "experience_years"), not_null=needed, years_from=0)
        described = ("original_resume", "resume_lang", "moreinfo", "looking_for")
        failed = [
            *_attempt(lambda: _upsert(self.candidate_description, key, rows, described)),
            *_attempt(lambda: _upsert_skills(self.candidate_skill, key, rows)),
            *_attempt(lambda: _upsert_vectors(self.candidate_skills_embedding, key, rows, "skills_vector")),
        ]
        if failed:
            raise failed[0]

    def _skills(self, rows: Sequence[Row]) -> None:
        kept = [row for row in rows if (row["position_category"] or "").strip()]
        for row in kept:
            self.skill_category_dic.setdefault(row["position_category"], len(self.skill_category_dic) + 1)
        if any(row["skill"] is None for row in kept):
            raise Failure("null value in column skill")
        _upsert_vectors(self.skill_embedding_dic, "skill", kept, "skill_vector", more=("position_category",))


def _attempt(save: Callable[[], None]) -> list[Failure]:
    try:
        save()
    except Failure as failure:
        return [failure]
    return []


def _upsert(
    table: dict[str, Row],
    key: str,
    rows: Sequence[Row],
    columns: Sequence[str],
    *,
    not_null: Sequence[str] = (),
    years_from: int | None = None,
) -> None:
    keys = [row[key] for row in rows]
    if len(set(keys)) < len(keys):
        raise Failure("ON CONFLICT DO UPDATE command cannot affect row a second time")
    for row in rows:
        if any(row[column] is None for column in not_null):
            raise Failure("null value violates not-null constraint")
        if years_from is not None and row["experience_years"] is not None and row["experience_years"] < years_from:
            raise Failure("violates check constraint")
    table.update({row[key]: {column: row[column] for column in columns} for row in rows})


def _upsert_skills(table: set[tuple[str, str]], key: str, rows: Sequence[Row]) -> None:
    pairs = [(row[key], skill) for row in rows for skill in row["skills"]]
    if len(set(pairs)) < len(pairs):
        raise Failure("ON CONFLICT DO UPDATE command cannot affect row a second time")
    if 4 * len(pairs) > BIND_VALUES:
        raise Failure("too many bind values")
    if any(skill is None for _, skill in pairs):
        raise Failure("null value in column skill")
    table.update(pairs)


def _upsert_vectors(
    table: dict[str, Row], key: str, rows: Sequence[Row], vector: str, *, more: Sequence[str] = ("skills",)
) -> None:
    for row in rows:
        if len(row[vector]) != DIMENSION or not np.isfinite(row[vector]).all():
            raise Failure("vector: wrong dimensions or an infinite value")
    _upsert(table, key, rows, (*more, vector))
