"""Queries with their relevant rows, from JSON Lines or TREC files."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pc_worker.errors import SourceRejected
from pc_worker.file_faults import file_fault

#: Suffix of the file next to a TREC file of judgements, with lines `qid<TAB>query`.
QUERIES_SUFFIX = ".queries"


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query, and the grade (above 0) of each relevant row, by its key or UUID."""

    query: str
    grades: dict[str, float]


def read_judgements(path: Path) -> list[JudgedQuery]:
    """Read judged queries.

    JSON Lines: ``{"query": "…", "relevant": ["key", …]}`` or ``{"query": "…", "relevant": {"key": grade, …}}``.
    TREC: lines ``qid 0 key grade``, and a file of the same name with the suffix ``.queries`` whose lines are
    ``qid<TAB>query``.

    Raises:
        SourceRejected: If a line is wrong, with the file and the line; or if no query has a relevant row.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        first = next((line for line in lines if line.strip()), "")
        judged = list(_json_lines(path, lines) if first.lstrip().startswith("{") else _trec(path, lines))
    except (OSError, UnicodeDecodeError) as exc:
        raise SourceRejected(f"{path}: cannot be read: {file_fault(exc)}") from exc
    useful = [one for one in judged if one.grades]
    if not useful:
        raise SourceRejected(f"{path}: holds no query with anything relevant to it")
    return useful


def _json_lines(path: Path, lines: list[str]) -> Iterator[JudgedQuery]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield _judged(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise SourceRejected(f'{path} line {number}: is not {{"query": …, "relevant": …}}') from exc


def _judged(value: Any) -> JudgedQuery:
    query, relevant = value["query"], value["relevant"]
    grades = relevant if isinstance(relevant, dict) else dict.fromkeys(relevant, 1)
    if not isinstance(query, str) or not query.strip():
        raise ValueError("no query")
    return JudgedQuery(query, {str(key): float(grade) for key, grade in grades.items() if float(grade) > 0})


def _trec(path: Path, lines: list[str]) -> Iterator[JudgedQuery]:
    grades: dict[str, dict[str, float]] = defaultdict(dict)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            query_id, _, key, grade = line.split()
            if float(grade) > 0:
                grades[query_id][key] = float(grade)
        except ValueError as exc:
            raise SourceRejected(f"{path} line {number}: is not `qid 0 key grade`, nor JSON") from exc
    queries = path.with_suffix(QUERIES_SUFFIX)
    pairs = [line.partition("\t") for line in queries.read_text(encoding="utf-8").splitlines() if line.strip()]
    return (
        JudgedQuery(query.strip(), grades.get(query_id.strip(), {})) for query_id, _, query in pairs if query.strip()
    )
