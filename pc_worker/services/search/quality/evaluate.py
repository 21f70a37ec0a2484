"""Measure how well each search mode finds the relevant rows of judged queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import log2
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

from pc_worker.domains import get_domain
from pc_worker.encoding import Encoder
from pc_worker.errors import InvalidRequest, SourceRejected
from pc_worker.file_faults import file_fault
from pc_worker.model import Model
from pc_worker.services.search.fused import fused
from pc_worker.services.search.quality.judgements import JudgedQuery
from pc_worker.services.search.request import MAX_K, Mode, SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.db.connection import Database
from pc_worker.store.rows.identities import row_ids_by_name

#: The length of the page that users see first; the default of a request.
FIRST = 10
#: Relevance above 0 by row; a row that is missing is not relevant.
Grades = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over all queries, each 0..1."""

    ndcg_10: float
    recall_10: float
    recall_100: float
    mrr: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The quality of each mode; ``missing`` judgements are of rows that the domain lacks, and are left out.

    ``expanded`` = queries that were searched for with further texts, too.
    """

    domain: str
    queries: int
    judgements: int
    missing: int
    feedback: bool
    modes: dict[Mode, Quality]
    expanded: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the document of `eval --json`."""
        return asdict(self)


def evaluate(
    database: Database,
    domain: str,
    judged: Sequence[JudgedQuery],
    *,
    encoder: Callable[[Model], Encoder],
    feedback: bool | None = None,
    more: Mapping[str, Sequence[str]] | None = None,
) -> Evaluation:
    """Run every query in every mode, as users do, and compare the hits with the judgements.

    Args:
        database: A connection of the calling thread.
        domain: The domain.
        judged: The queries.
        encoder: Returns the encoder of a domain's active model.
        feedback: Whether queries are extended by their best rows; None = as the domain is set.
        more: Further texts to search for, by query; their hits are joined.

    Raises:
        InvalidRequest: If the domain is unknown.
        SourceRejected: If the domain has no row that is judged relevant.
    """
    asked = resolved(database, domain, judged)
    total, more = sum(len(one.grades) for one in judged), more or {}
    extended = get_domain(domain).feedback if feedback is None else feedback
    return Evaluation(
        domain=domain,
        queries=len(asked),
        judgements=total,
        missing=total - sum(len(one.grades) for one in asked),
        feedback=extended,
        modes={
            mode: _quality(asked, _ask(database, domain, mode, encoder, feedback=extended, more=more))
            for mode in get_args(Mode)
        },
        expanded=sum(one.query in more for one in asked),
    )


def resolved(database: Database, domain: str, judged: Sequence[JudgedQuery]) -> list[JudgedQuery]:
    """Return the judged queries with grades by row id; without those that have no relevant row in the domain.

    Raises:
        SourceRejected: If none is left.
    """
    names = sorted({name for one in judged for name in one.grades})
    with database.transaction() as cursor:
        ids = row_ids_by_name(cursor, domain, names)
    wanted = [JudgedQuery(one.query, _by_id(one, ids)) for one in judged]
    asked = [one for one in wanted if one.grades]
    if not asked:
        raise SourceRejected(f"domain {domain} has none of the judged rows: ingest the collection they are of")
    return asked


def _by_id(one: JudgedQuery, ids: dict[str, list[str]]) -> dict[str, float]:
    return {row_id: grade for name, grade in one.grades.items() for row_id in ids.get(name, ())}


def _ask(
    database: Database,
    domain: str,
    mode: Mode,
    encoder: Callable[[Model], Encoder],
    *,
    feedback: bool,
    more: Mapping[str, Sequence[str]],
) -> Callable[[str, int], list[str]]:
    def ask(query: str, k: int) -> list[str]:
        lists = [
            search(
                database,
                SearchRequest(query=text, domain=domain, mode=mode, k=k, feedback=feedback),
                encoder=encoder,
            ).hits
            for text in (query, *more.get(query, ()))
        ]
        return [hit.id for hit, _ in fused(lists)][:k]

    return ask


def _quality(judged: Sequence[JudgedQuery], ask: Callable[[str, int], list[str]]) -> Quality:
    return mean_quality((ask(one.query, FIRST), ask(one.query, MAX_K), one.grades) for one in judged)


def mean_quality(asked: Iterable[tuple[Sequence[str], Sequence[str], Grades]]) -> Quality:
    """Return the means over queries: the first page of each, its longest page, and its grades."""
    measured = [
        (
            ndcg(page, grades, depth=10),
            recall(page, grades, depth=10),
            recall(long, grades, depth=100),
            reciprocal_rank(long, grades),
        )
        for page, long, grades in asked
    ]
    return Quality(*(fmean(column) for column in zip(*measured, strict=True)))


def draw(evaluation: Evaluation, path: Path) -> None:
    """Draw the measures of all modes as bars in a PNG file.

    Raises:
        InvalidRequest: If matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as exc:
        raise InvalidRequest("drawing needs matplotlib: `pip install matplotlib`, or leave --png out") from exc
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for place, (mode, quality) in enumerate(evaluation.modes.items()):
        bars = axes.bar([n + 0.27 * place for n in range(4)], list(asdict(quality).values()), 0.25, label=mode)
        axes.bar_label(bars, fmt="%.2f", fontsize=8)
    axes.set_xticks([n + 0.27 for n in range(4)], ["nDCG@10", "recall@10", "recall@100", "MRR"])
    axes.set_ylim(0, 1.05)
    axes.set_title(f"{evaluation.domain}: {evaluation.queries} judged queries")
    axes.legend()
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as exc:
        raise InvalidRequest(f"{path}: cannot be written: {file_fault(exc)}") from exc


def ndcg(ranking: Sequence[str], grades: Grades, *, depth: int) -> float:
    """Return the normalised discounted cumulative gain, 0..1; the gain of a row is its grade.

    >>> ndcg(["b", "a"], {"a": 1}, depth=10)
    0.6309297535714575
    """
    best = sorted(grades.values(), reverse=True)[:depth]
    ideal = _discounted(best)
    return _discounted([grades.get(found, 0.0) for found in ranking[:depth]]) / ideal if ideal else 0.0


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def recall(ranking: Sequence[str], grades: Grades, *, depth: int) -> float:
    """Return the share of the relevant rows that are among the first ``depth`` hits.

    >>> recall(["x", "a"], {"a": 2, "b": 1}, depth=10)
    0.5
    """
    relevant = {name for name, grade in grades.items() if grade > 0}
    return len(relevant & set(ranking[:depth])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], grades: Grades) -> float:
    """Return 1 ÷ the rank of the first relevant hit; 0 if there is none.

    >>> reciprocal_rank(["x", "a"], {"a": 1})
    0.5
    """
    return next((1 / rank for rank, found in enumerate(ranking, start=1) if grades.get(found, 0.0) > 0), 0.0)
